# Copyright (c) DKSAN-MM contributors.
"""Increasing times for lists of frames."""
import pytest

from dksan_mm.io.video.frame_times import MAX_EQUAL, place_frames


def place(stamps, step=40, durations=None):
    frames = zip(stamps, durations or [step] * len(stamps), range(len(stamps)))
    placed = list(place_frames(frames, step))
    assert [number for _, _, number in placed] == list(range(len(stamps)))
    times = [time for time, _, _ in placed]
    assert all(a < b for a, b in zip(times, times[1:]))
    return times


@pytest.mark.parametrize(
    'stamps, times',
    [
        ([0, 40, 130, 140, 1000], [0, 40, 130, 140, 1000]),
        ([-80, -40, 0], [-80, -40, 0]),
        ([None, None, None], [0, 40, 80]),
        ([100, None, 180, None], [100, 140, 180, 220]),
        # Frames of one time share the time until the next.
        ([0, 0, 80, 80, 160], [0, 40, 80, 120, 160]),
        ([0, 40, 40, 80, 120], [0, 40, 60, 80, 120]),
        ([0, 40, 30, 120], [0, 40, 80, 120]),
        ([0, 0, 1, 40], [0, 13, 26, 40]),
        ([0, 40, 40], [0, 40, 80]),
        ([0] * 20, list(range(0, 800, 40))),
        # Stamps that restart: what follows is moved as much.
        ([0, 40, 80, 120, 0, 40, 80], [0, 40, 80, 120, 160, 200, 240]),
        ([1000, 1040, 0, 40, None], [1000, 1040, 1080, 1120, 1160]),
    ])
def test_times_of_frames(stamps, times):
    assert place(stamps) == times


def test_durations_of_frames():
    frames = [(0, 40, 'a'), (40, 0, 'b'), (100, 40, 'c'), (100, 40, 'd'),
              (None, 0, 'e'), (300, 500, 'f')]
    found = [(time, lasts) for time, lasts, _ in place_frames(frames, 40)]
    assert found == [(0, 40), (40, 0), (100, 40), (140, 40), (180, 40),
                     (300, 500)]


def test_frames_before_an_error_are_given():

    def frames():
        yield 0, 40, 'a'
        yield 40, 40, 'b'
        raise ValueError('cut short')

    given = []
    with pytest.raises(ValueError, match='cut short'):
        for frame in place_frames(frames(), 40):
            given.append(frame)
    assert given == [(0, 40, 'a'), (40, 40, 'b')]


def test_few_frames_wait():
    """The number of frames with the same time does not matter."""
    taken = 0

    def frames():
        nonlocal taken
        for taken in range(1, 1000):
            yield 0, 40, None

    for given, _ in enumerate(place_frames(frames(), 40), 1):
        assert taken - given <= MAX_EQUAL + 1
    assert given == 999
