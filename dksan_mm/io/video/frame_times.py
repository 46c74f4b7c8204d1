# Copyright (c) DKSAN-MM contributors.
"""Times of decoded frames, of which some are missing, equal or go back."""
from collections.abc import Iterable, Iterator
from typing import TypeVar

MAX_EQUAL = 8  # frames of one time: more are an error
T = TypeVar('T')


def place_frames(frames: Iterable[tuple[int | None, int, T]],
                 step: int) -> Iterator[tuple[int, int, T]]:
    """Give frames times that grow.

    A frame without a time follows the one before at the frame rate. So does
    one whose time goes back by several frames, and those after it are moved
    as much. Frames of one time share the time until the next.

    Args:
        frames (Iterable[tuple[int | None, int, T]]): Time, duration (0 if
            not known) and content of each frame, in ticks.
        step (int): Ticks from frame to frame at the frame rate.

    Yields:
        tuple[int, int, T]: The same of the frames that will be shown.
    """
    group: list[tuple[int, T]] = []  # waits for a later time
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
    except Exception:  # what there was before an error counts
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
