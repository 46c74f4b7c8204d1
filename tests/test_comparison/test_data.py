# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.comparison import data
from dksan_mm.prepare.manifest import write_manifest
from dksan_mm.utils.errors import UserError


@pytest.fixture
def prepared(tmp_path):
    """Return a function that makes a folder with prepared splits."""

    def make(*splits):
        for split in splits:
            for kind in ('HR', 'LRx16'):
                (tmp_path / split / kind / 'clip').mkdir(parents=True)
        return str(tmp_path)

    return make


@pytest.mark.parametrize('there, asked, found', [
    ([], None, 'val'),
    (['train', 'val'], None, 'val'),
    (['test'], None, 'test'),
    (['train', 'val'], 'train', 'train'),
])
def test_the_split_is_found(prepared, there, asked, found):
    assert data.find_split(prepared(*there), asked, 16) == found


def test_one_of_two_splits_must_be_chosen(prepared):
    with pytest.raises(UserError, match='train and test: choose one'):
        data.find_split(prepared('train', 'test'), None, 16)


def test_a_split_of_another_scale_is_none(prepared):
    folder = prepared('val')
    assert data.is_prepared(folder, 'val', 16)
    assert not data.is_prepared(folder, 'val', 4)


def limit_asked(target, frames):
    arguments = data.preparation('source', target, 'val', 4, frames)
    assert arguments[:6] == [
        'source', target, '--split', 'val', '--scale', '4'
    ]
    return arguments[6:] and int(
        arguments[arguments.index('--max-frames') + 1])


@pytest.mark.parametrize('known, frames, limit', [
    ([], None, []),
    ([], 4, 14),
    ([14], 4, 14),
    ([14], 2, 14),
    ([14], 30, 40),
    ([14], None, []),
    ([None], 4, []),
])
def test_frames_prepared_before_stay(tmp_path, known, frames, limit):
    """tools/prepare_data.py refuses to remove some of them."""
    (tmp_path / 'val').mkdir()
    write_manifest(
        str(tmp_path), 'val', {
            str(number): dict(frames=9, has_hr=True, max_frames=most)
            for number, most in enumerate(known)
        })
    assert limit_asked(str(tmp_path), frames) == limit


def test_videos_that_are_not_there_are_named():
    assert data.choose_clips(['b', 'a'], None) == ['a', 'b']
    assert data.choose_clips(['b', 'a'], ['b', 'b']) == ['b']
    with pytest.raises(UserError, match='there is no c, only a, b'):
        data.choose_clips(['b', 'a'], ['c'])
