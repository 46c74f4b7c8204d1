# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.prepare.pairs import iter_pairs
from dksan_mm.prepare.sources import Clip
from dksan_mm.utils.resize import matlab_resize


def noise(count, size):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


def clip_of(folder, lr=None, **options):
    return Clip('c', 'train', str(folder), lr=lr, **options)


def test_lr_is_made_of_the_cropped_frame(tmp_path):
    frames = noise(2, (21, 18))
    folder = write_frames(tmp_path / 'c', frames, first=3)
    pairs = list(iter_pairs(clip_of(folder), 4))
    assert [number for number, _ in pairs] == [3, 4]
    for (_, load), frame in zip(pairs, frames):
        lr, hr = load()
        np.testing.assert_array_equal(hr, frame[:20, :16])
        np.testing.assert_array_equal(lr, matlab_resize(hr, 1 / 4))


def test_a_clip_without_hr_is_taken_as_it_is(tmp_path):
    frames = noise(1, (5, 7))
    folder = write_frames(tmp_path / 'c', frames)
    [(_, load)] = iter_pairs(clip_of(folder, has_hr=False), 16)
    [lr] = load()
    np.testing.assert_array_equal(lr, frames[0])


@pytest.mark.parametrize('lr_size', [(5, 4), (6, 5)])
def test_given_lr_frames_may_be_rounded_up(tmp_path, lr_size):
    high, low = noise(1, (21, 18)), noise(1, lr_size)
    lr = clip_of(write_frames(tmp_path / 'lr', low))
    [(_, load)
     ] = iter_pairs(clip_of(write_frames(tmp_path / 'hr', high), lr), 4)
    made = load()
    np.testing.assert_array_equal(made[0], low[0][:5, :4])
    np.testing.assert_array_equal(made[1], high[0][:20, :16])


def test_given_lr_frames_of_another_scale_are_refused(tmp_path):
    lr = clip_of(write_frames(tmp_path / 'lr', noise(1, (7, 4))))
    hr = clip_of(write_frames(tmp_path / 'hr', noise(1, (21, 18))), lr)
    [(_, load)] = iter_pairs(hr, 4)
    with pytest.raises(ValueError, match='000000 is 4x7, not 1/4 of .*18x21'):
        load()


@pytest.mark.parametrize('first, count, sentence', [
    (1, 2, 'out of step, frame 0'),
    (0, 1, 'frame 1 of .* has no LR frame'),
    (0, 3, 'has more frames than'),
])
def test_given_lr_frames_go_with_their_hr_frames(tmp_path, first, count,
                                                 sentence):
    lr = clip_of(
        write_frames(tmp_path / 'lr', noise(count, (5, 5)), first=first))
    hr = clip_of(write_frames(tmp_path / 'hr', noise(2, (20, 20))), lr)
    with pytest.raises(ValueError, match=sentence):
        list(iter_pairs(hr, 4))


def test_what_is_smaller_than_a_pixel_is_refused(tmp_path):
    folder = write_frames(tmp_path / 'c', noise(1, (20, 15)))
    [(_, load)] = iter_pairs(clip_of(folder), 16)
    with pytest.raises(ValueError, match='15x20, smaller than 16x16'):
        load()
