# Copyright (c) DKSAN-MM contributors.
from fractions import Fraction

import av
import numpy as np
import pytest

from dksan_mm.io.video.filters import filter_frame, open_filter


def _frame(value=0):
    image = np.full((4, 6, 3), value, np.uint8)
    image[0] = 255 - value
    return av.VideoFrame.from_ndarray(image, format='rgb24')


def test_one_frame():
    flipped = filter_frame(_frame(), 'vflip', '')
    np.testing.assert_array_equal(flipped.to_ndarray(),
                                  _frame().to_ndarray()[::-1])


@pytest.mark.parametrize('time_base', [None, Fraction(1, 1000)])
def test_several_frames_keep_their_times(time_base):
    frames = [_frame(value) for value in (10, 20)]
    for number, frame in enumerate(frames):
        frame.pts = 7 * number
        if time_base:
            frame.time_base = time_base
    graph = open_filter(frames[0], 'negate', '')
    for frame in frames:
        graph.vpush(frame)
        out = graph.vpull()
        np.testing.assert_array_equal(out.to_ndarray(),
                                      255 - frame.to_ndarray())
        assert out.pts == frame.pts
        assert out.time_base == (time_base or Fraction(1, 25))
