# Copyright (c) DKSAN-MM contributors.
"""Frames of a window."""
import itertools

import pytest

from dksan_mm.datasets import window_indices


def clamp(index, length):
    while index < 0:
        index += 1
    while index >= length:
        index -= 1
    return index


def bounce(index, length):
    """Walk from frame 0, turning at the ends."""
    position, step = 0, 1
    for _ in range(abs(index)):
        if not 0 <= position + step < length:
            step = -step
        position += step if length > 1 else 0
    return position


def cases():
    for length in (*range(1, 9), 20):
        yield from itertools.product([length], range(length), (1, 2, 5))


@pytest.mark.parametrize('length, center, interval', list(cases()))
@pytest.mark.parametrize('padding, oracle', [('replicate', clamp),
                                             ('reflect', bounce)])
def test_every_position_of_short_clips(length, center, interval, padding,
                                       oracle):
    window = window_indices(
        center, 7, length=length, interval=interval, padding=padding)
    wanted = [center + interval * k for k in range(-3, 4)]
    assert window == [oracle(index, length) for index in wanted]
    assert window[3] == center


def test_some_windows_by_hand():
    assert window_indices(0, 7, length=120) == [0, 0, 0, 0, 1, 2, 3]
    assert window_indices(119, 7, length=120)[3:] == [119, 119, 119, 119]
    assert window_indices(
        1, 7, length=3, padding='reflect') == [2, 1, 0, 1, 2, 1, 0]
    assert window_indices(4, 1, length=5) == [4]


@pytest.mark.parametrize('arguments, match', [
    (dict(num_frames=6), 'num_frames must be odd, got 6'),
    (dict(num_frames=-1), 'num_frames'),
    (dict(interval=0), 'interval'),
    (dict(center=9), 'center must be in .*got 9'),
    (dict(center=-1), 'center'),
    (dict(length=0), 'center'),
    (dict(padding='circle'), "'circle'"),
])
def test_wrong_arguments_are_named(arguments, match):
    arguments = dict(dict(center=0, num_frames=7, length=9), **arguments)
    with pytest.raises(ValueError, match=match):
        window_indices(**arguments)
