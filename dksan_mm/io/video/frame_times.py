# Copyright (c) DKSAN-MM contributors.
"""Repair of missing, equal and decreasing frame times."""
from collections.abc import Iterable, Iterator
from typing import TypeVar

MAX_EQUAL = 8  # more frames with one time are an error
T = TypeVar('T')


def place_frames(frames: Iterable[tuple[int | None, int, T]],
                 step: int) -> Iterator[tuple[int, int, T]]:
    """Make the times of frames strictly increasing.

    A frame without a time follows its predecessor at the frame rate. So does
    a frame whose time jumps back by several frames; the frames after it are
    shifted alike. Frames with equal times share the interval up to the next.

    Args:
        frames (Iterable[tuple[int | None, int, T]]): Time in ticks, duration
            in ticks (0 if unknown) and content of each frame.
        step (int): Ticks between frames at the frame rate.

    Yields:
        tuple[int, int, T]: Time, duration and content of each shown frame.
    """
    group: list[tuple[int, T]] = []  # frames waiting for a later time
    start = moved = 0
    try:
        for pts, duration, content in frames:
            due = start + step * len(group)
            time = due if pts is None else pts + moved
            if group and (start - time > 2 * step or len(group) == MAX_EQUAL):
                moved, time = moved + due - time, due
            if group and time - start >= len(group):
                yield from _share(group, start, time)
                group = []
            if not group:
                start = time
            group.append((step if pts is None else duration, content))
    except Exception:  # keep the frames before the error
        yield from _share(group, start, start + step * len(group))
        raise
    yield from _share(group, start, start + step * len(group))


def _share(group: list[tuple[int, T]], start: int,
           end: int) -> Iterator[tuple[int, int, T]]:
    if len(group) == 1:
        yield (start, *group[0])
        return
    times = [
        start + (end - start) * n // len(group) for n in range(len(group))
    ] + [end]
    for (_, content), time, later in zip(group, times, times[1:]):
        yield time, later - time, content
