# Copyright (c) DKSAN-MM contributors.
"""Windows of a stream for any restorer."""
import numpy as np
import pytest
import torch

from dksan_mm.inference.windows import check_frames, restore_stream


class Spy:
    """Restorer that upscales nothing; a frame is its first number."""
    num_frames = 5

    def __init__(self):
        self.encoded, self.windows = [], []

    def encode(self, frame):
        self.encoded.append(int(frame[0, 0, 0]))
        return self.encoded[-1]

    def decode(self, window):
        self.windows.append(list(window))
        return window[len(window) // 2]


def clip(*numbers):
    return [np.full((2, 3, 3), number, np.uint8) for number in numbers]


@pytest.mark.parametrize('count', [1, 2, 3, 8])
def test_the_end_frames_are_repeated(count):
    spy, last = Spy(), count - 1
    assert list(restore_stream(spy, clip(*range(count)))) == list(range(count))
    assert spy.encoded == list(range(count))
    assert spy.windows == [[min(max(i + j, 0), last) for j in range(-2, 3)]
                           for i in range(count)]


def test_windows_do_not_reach_across_cuts():
    spy = Spy()
    frames = restore_stream(
        spy, clip(1, 2, 101, 102),
        lambda one, other: other[0, 0, 0] > 100 > one.max())
    assert list(frames) == [1, 2, 101, 102]
    assert all(max(one) < 100 or min(one) > 100 for one in spy.windows)


def test_no_frames_give_none():
    assert list(restore_stream(Spy(), [])) == []


@pytest.mark.parametrize('frame, error, said', [
    (np.zeros((2, 3, 3)), TypeError,
     'frame 1 must be a uint8 array of numpy, got ndarray of float64$'),
    (torch.zeros(2, 3, 3, dtype=torch.uint8), TypeError,
     'of numpy, got Tensor of torch.uint8$'),
    (None, TypeError, 'got NoneType$'),
    (np.zeros((3, 3, 3), np.uint8), ValueError, r'as \(2, 3, 3\), got'),
])
def test_other_frames_are_named(frame, error, said):
    with pytest.raises(error, match=said):
        list(check_frames([*clip(0), frame]))
