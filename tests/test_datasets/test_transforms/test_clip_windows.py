# Copyright (c) DKSAN-MM contributors.
"""Windows of whole clips, for mmagic's inferencers."""
import pytest
import torch
from mmagic.apis.inferencers.video_restoration_inferencer import \
    VideoRestorationInferencer
from mmagic.registry import TRANSFORMS

from dksan_mm.datasets.transforms.clip_windows import StackWindows


@pytest.fixture
def window_size(monkeypatch):
    """Return a function that sets it for mmagic's inferencers."""

    def set_size(size):
        monkeypatch.setitem(VideoRestorationInferencer.extra_parameters,
                            'window_size', size)

    set_size(0)
    return set_size


def clip(length):
    """Return frames filled with their numbers."""
    return torch.arange(float(length)).view(-1, 1, 1, 1).expand(-1, 3, 4, 5)


def numbers(windows):
    return windows[:, :, 0, 0, 0].int().tolist()


def test_each_frame_has_a_window_that_repeats_the_ends(window_size):
    out = StackWindows(3)(dict(inputs=clip(4), other=5))
    assert out['inputs'].shape == (4, 3, 3, 4, 5) and out['other'] == 5
    assert numbers(out['inputs']) == [[0, 0, 1], [0, 1, 2], [1, 2, 3],
                                      [2, 3, 3]]


def test_clips_may_be_shorter_than_a_window(window_size):
    assert numbers(StackWindows(5)(
        dict(inputs=clip(2)))['inputs']) == [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1]]
    # mmagic drops the axis of a single frame.
    out = StackWindows(3)(dict(inputs=clip(1)[0]))['inputs']
    assert out.shape == (1, 3, 3, 4, 5)


def test_where_mmagic_makes_windows_they_are_flat(window_size):
    window_size(3)
    out = StackWindows(3)(dict(inputs=clip(4)))['inputs']
    assert out.shape == (4, 9, 4, 5)
    assert numbers(out.unflatten(1, (3, 3)))[1] == [0, 1, 2]


@pytest.mark.parametrize('size, length', [(5, 9), (3, 2)])
def test_windows_that_would_lose_frames_are_refused(window_size, size, length):
    window_size(size)
    with pytest.raises(ValueError, match=f'windows of {size} of {length} fr'):
        StackWindows(3)(dict(inputs=clip(length)))


def test_an_even_window_has_no_middle():
    with pytest.raises(ValueError, match='got 4'):
        StackWindows(4)


def test_it_is_registered_and_tells_its_setting():
    assert repr(TRANSFORMS.build(dict(
        type='StackWindows', num_frames=7))) == 'StackWindows(num_frames=7)'
