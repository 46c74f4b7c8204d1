# Copyright (c) DKSAN-MM contributors.
"""Times from zero on, even across breaks, for lists of timestamps."""
from fractions import Fraction

import pytest

from dksan_mm.io.video.timeline import Follower, Part, Timeline

STEP = Fraction(1, 25)


def move(stamps, start=0, *, breaks=True, shown=None):
    """Return the times at which frames are shown, and the timeline."""
    timeline = Timeline(Fraction(start), breaks=breaks)
    moved = []
    for time, pts in zip(stamps, shown or stamps):
        offset = timeline.shift(time * STEP, pts * STEP, STEP)
        moved.append((pts * STEP + offset) / STEP)
    return moved, timeline


@pytest.mark.parametrize('start', [90000, -11, 0])
def test_the_start_is_zero(start):
    stamps = [start + n for n in range(5)]
    assert move(stamps, start * STEP)[0] == [0, 1, 2, 3, 4]


def test_sound_that_begins_earlier_stays_earlier():
    assert move([103, 104], 100 * STEP)[0] == [3, 4]


@pytest.mark.parametrize('second', [0, 1000, 1, 10**6])
def test_a_second_recording_follows_at_the_frame_rate(second):
    first = [500 + n for n in range(4)]
    moved, timeline = move(first + [second + n for n in range(3)], 500 * STEP)
    assert moved == [0, 1, 2, 3, 4, 5, 6]
    assert timeline.parts == [
        Part(-500 * STEP, 0),
        Part((4 - second) * STEP, 4 * STEP)
    ]


def test_three_recordings_of_one_time():
    assert move([7, 8, 9, 10] * 3, 7 * STEP)[0] == list(range(12))


def test_reordered_frames_before_a_break():
    """The next recording begins when the latest frame has been shown."""
    moved, _ = move([-2, -1, 0, 1, -2, -1, 0], shown=[0, 3, 1, 2, 0, 2, 1])
    assert moved == [0, 3, 1, 2, 4, 6, 5]


@pytest.mark.parametrize('pause', [2, 240])
def test_pauses_are_kept(pause):
    assert move([0, 1, 1 + pause])[0] == [0, 1, 1 + pause]


def test_pauses_of_containers_that_cannot_be_joined():
    assert move([0, 1, 9000], breaks=False)[0] == [0, 1, 9000]


def test_restarts_of_any_container_are_breaks():
    assert move([100, 101, 102, 0, 1], 4, breaks=False)[0] == [0, 1, 2, 3, 4]


def test_a_step_back_of_few_frames_is_none():
    """FFmpeg guesses decoding times of slow videos."""
    timeline = Timeline(Fraction(0), breaks=False)
    seconds = [0, 1, 2, 1, 3]
    assert [timeline.shift(*map(Fraction, (n, n, 1)))
            for n in seconds] == [0] * 5


@pytest.mark.parametrize(
    'heard, is_break',
    [
        ([], False),
        (range(0, 1490), False),  # sound continues
        (range(0, 200), False),  # it has ended long before
        (range(0, 499), True),  # it stops, too
        ([*range(0, 501), *range(1500, 1510)], True),  # and begins again
        ([*range(0, 501), *range(850, 950)], False),
    ])
def test_jumps_of_video_and_sound(heard, is_break):
    timeline = Timeline(Fraction(0), breaks=False)
    for number in range(500):
        timeline.shift(number * STEP, number * STEP, STEP)
    for number in heard:
        timeline.hear(number * STEP, STEP)
    offset = timeline.shift(1500 * STEP, 1500 * STEP, STEP)
    assert offset == (-1000 * STEP if is_break else 0)


def test_decoding_times_that_are_not_known():
    """Those of the first frames after a jump are missing."""
    timeline = Timeline(Fraction(0), breaks=True)
    shown = [0, 1, 2, 1000, 1002, 1001, 1003, 0, 1]
    known = [0, 1, 2, None, None, 1000, 1001, None, 0]
    moved = [
        shown + timeline.shift(time and time * STEP, shown * STEP, STEP) / STEP
        for time, shown in zip(known, shown)
    ]
    assert moved == [0, 1, 2, 3, 5, 4, 6, 7, 8]


def test_a_frame_with_the_time_of_the_next_recording():
    timeline = Timeline(Fraction(0), breaks=True)
    for number in range(3):  # shown one frame later than decoded
        timeline.shift(number * STEP, (number + 1) * STEP, STEP)
    timeline.shift(3 * STEP, None, STEP)
    offset = timeline.shift(1000 * STEP, 1001 * STEP, STEP)
    assert 1001 + offset / STEP == 5


def follow(stamps, parts, breaks, numbers=None):
    follower = Follower(parts, breaks)
    numbers = numbers or [0] * len(stamps)
    moved = []
    for time, number in zip(stamps, numbers):
        offset = follower.shift(time * STEP, STEP, number)
        moved.append(None if offset is None else (time * STEP + offset) / STEP)
    return moved


def test_sound_is_moved_as_the_video():
    """Its second part begins a frame later than that of the video."""
    parts = [Part(-50 * STEP, Fraction(0)), Part(Fraction(0), 50 * STEP)]
    stamps = [51, 60, 70, 80, 90, 99, 51, 60]
    assert follow(stamps, parts, 1) == [1, 10, 20, 30, 40, 49, 51, 60]


def test_sound_that_is_longer_than_its_video_ends_with_it():
    parts = [Part(Fraction(0), Fraction(0)), Part(5 * STEP, 5 * STEP)]
    stamps = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    assert follow(stamps, parts, 1) == [0, 1, 2, 3, 4, None, None, None, 5, 6]


def test_sound_that_is_longer_at_the_end_is_kept():
    assert follow([0, 1, 2], [Part(Fraction(0), Fraction(0))], 0) == [0, 1, 2]


def test_sound_of_the_second_recording_alone():
    parts = [Part(Fraction(0), Fraction(0)), Part(5 * STEP, 5 * STEP)]
    assert follow([0, 1], parts, 0, [1, 1]) == [5, 6]
