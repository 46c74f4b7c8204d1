# Copyright (c) DKSAN-MM contributors.
"""Time of a recording: from zero on, and even across breaks."""
from collections import Counter
from fractions import Fraction
from typing import (Iterable, Iterator, List, NamedTuple, Optional, Sequence,
                    Tuple, TypeVar)

import av

# FFmpeg's limits, of formats whose stamps may break (MPEG streams): seconds
# of a jump forward, and of one back.
FORWARD, BACK = Fraction(10), Fraction(1, 10)
_TS_DISCONT = 512  # AVFMT_TS_DISCONT of FFmpeg
MAX_EQUAL = 8  # frames of one time: more are an error
T = TypeVar('T')


class Part(NamedTuple):
    """Part of a video between two breaks.

    Attributes:
        offset (Fraction): Seconds that are added to its stamps.
        begin (Fraction): When it begins then.
    """
    offset: Fraction
    begin: Fraction


class Timeline:
    """Moves the stamps of a video's packets, in the order of the file.

    Where they jump, for instance where two recordings were joined, the video
    is continued as if they had not.

    Args:
        start (Fraction): Time that becomes zero, seconds.
        breaks (bool): Whether jumps are breaks; else they are pauses.

    Attributes:
        parts (list[Part]): What the video has been found to consist of.
        breaks (bool): As given.
    """

    def __init__(self, start: Fraction, *, breaks: bool) -> None:
        self.parts, self.breaks = [Part(-start, Fraction(0))], breaks
        self._latest: Optional[Fraction] = None
        self._due: Optional[Fraction] = None
        self._end = Fraction(0)  # of the frames so far, when they are shown

    def shift(self, time: Fraction, shown: Fraction,
              duration: Fraction) -> Fraction:
        """Find by how much the next packet is moved.

        Args:
            time (Fraction): When it is decoded, seconds.
            shown (Fraction): When it is shown.
            duration (Fraction): How long it lasts.

        Returns:
            Fraction: Seconds to add to its stamps.
        """
        moved = time + self.offset
        if self.breaks and is_break(moved, self._latest, self._due):
            self.parts.append(Part(self._end - shown, self._end))
            moved = time + self.offset
        self._latest, self._due = moved, moved + duration
        self._end = max(self._end, shown + self.offset + duration)
        return self.offset

    @property
    def offset(self) -> Fraction:
        """Seconds by which the latest packet was moved."""
        return self.parts[-1].offset


class Follower:
    """Moves the stamps of another stream's packets as the video was moved.

    Args:
        parts (Sequence[Part]): Those of the video's timeline, complete.
        breaks (int): How often the stream's own stamps jump.
    """

    def __init__(self, parts: Sequence[Part], breaks: int) -> None:
        self._parts, self._breaks, self._number = parts, breaks, 0
        self._latest: Optional[Fraction] = None  # not moved, seconds
        self._due: Optional[Fraction] = None

    def shift(self, time: Fraction, duration: Fraction,
              number: int) -> Optional[Fraction]:
        """Find by how much the next packet is moved.

        Args:
            time (Fraction): When it is decoded, seconds.
            duration (Fraction): How long it lasts.
            number (int): Of the video's part that the packets before it in
                the file belong to.

        Returns:
            Fraction | None: Seconds to add to its stamps; None for what lies
            behind the end of its part, where the next one has its own.
        """
        if self._due is None:
            self._number = number
        elif is_break(time, self._latest, self._due):
            self._breaks -= 1
            self._number = self._find_part(time)
        self._latest, self._due = time, time + duration
        offset = self._parts[self._number].offset
        if self._breaks and self._number + 1 < len(self._parts) and \
                time + offset >= self._parts[self._number + 1].begin:
            return None
        return offset

    def _find_part(self, time: Fraction) -> int:
        """The part in which the stream is continued with the least jump."""
        due = self._due + self._parts[self._number].offset
        return min(
            range(self._number, len(self._parts)),
            key=lambda number: abs(time + self._parts[number].offset - due))


def is_break(time: Fraction, latest: Optional[Fraction],
             due: Optional[Fraction]) -> bool:
    """Return whether stamps jump.

    Args:
        time (Fraction): Of a packet, seconds.
        latest (Fraction | None): Of the one before, if any.
        due (Fraction | None): When that ends.
    """
    return due is not None and (abs(time - due) > FORWARD
                                or time + BACK < latest)


def open_timeline(container: av.container.InputContainer) -> Timeline:
    """The timeline of an open file's video."""
    return Timeline(
        Fraction(container.start_time or 0, av.time_base),
        breaks=has_breaks(container))


def has_breaks(container: av.container.InputContainer) -> bool:
    """Return whether stamps may jump in such files, as in MPEG streams."""
    return bool(container.format.flags & _TS_DISCONT)


def find_parts(container: av.container.InputContainer,
               video: av.VideoStream) -> Tuple[List[Part], Counter]:
    """Read a file to see where its stamps jump.

    Args:
        container (InputContainer): The file. It is not read if it can have
            one part only.
        video (VideoStream): Its video.

    Returns:
        tuple[list[Part], Counter]: Parts of the video, and how often the
        stamps of other streams jump, by their indices.
    """
    timeline, before = open_timeline(container), {}
    breaks: Counter = Counter()
    for packet in container.demux() if has_breaks(container) else ():
        index = packet.stream.index
        if index == video.index:
            move_video(packet, timeline)
        elif packet.dts is not None and packet.time_base:
            time = packet.dts * packet.time_base
            breaks[index] += is_break(time, *before.get(index, (None, None)))
            before[index] = time, time + packet_seconds(packet)
    return timeline.parts, breaks


def move_video(packet: av.Packet, timeline: Timeline) -> None:
    """Change the stamps of the next packet of a video."""
    offset = timeline.offset
    if packet.dts is not None and packet.time_base:
        delay = 0 if packet.pts is None else packet.pts - packet.dts
        # Where recordings are joined, a packet may have the next one's time.
        if timeline.breaks and abs(delay) * packet.time_base > FORWARD:
            packet.pts, delay = None, 0
        offset = timeline.shift(packet.dts * packet.time_base,
                                (packet.dts + delay) * packet.time_base,
                                packet_seconds(packet))
    move(packet, offset)


def move(packet: av.Packet, seconds: Fraction) -> None:
    """Add a time to a packet's stamps."""
    if not packet.time_base:
        return
    ticks = round(seconds / packet.time_base)
    if packet.dts is not None:
        packet.dts += ticks
    if packet.pts is not None:
        packet.pts += ticks


def packet_seconds(packet: av.Packet) -> Fraction:
    """Return how long a packet lasts; 0 if that is not known."""
    if packet.duration:
        return packet.duration * packet.time_base
    rate = getattr(packet.stream, 'average_rate', None)
    return 1 / rate if rate else Fraction(0)


def place_frames(frames: Iterable[Tuple[Optional[int], int, T]],
                 step: int) -> Iterator[Tuple[int, int, T]]:
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
    group: List[Tuple[int, T]] = []  # waits for a later time
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


def _share(group: List[Tuple[int, T]], start: int,
           end: int) -> Iterator[Tuple[int, int, T]]:
    if len(group) == 1:
        yield (start, *group[0])
        return
    times = [
        start + (end - start) * n // len(group) for n in range(len(group))
    ] + [end]
    for (_, content), time, later in zip(group, times, times[1:]):
        yield time, later - time, content
