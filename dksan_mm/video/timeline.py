# Copyright (c) DKSAN-MM contributors.
"""Time of a recording: from zero on, and even across breaks."""
from collections import Counter
from fractions import Fraction
from typing import List, NamedTuple, Optional, Sequence, Tuple

import av

# FFmpeg's limits, of formats whose stamps may break (MPEG streams): seconds
# of a jump forward, and of one back.
FORWARD, BACK = Fraction(10), Fraction(1, 10)
_TS_DISCONT = 512  # AVFMT_TS_DISCONT of FFmpeg


class Part(NamedTuple):
    """What lies between two breaks of a video.

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
    """

    def __init__(self, start: Fraction, *, breaks: bool) -> None:
        self.parts, self._breaks = [Part(-start, Fraction(0))], breaks
        self._latest: Optional[Fraction] = None
        self._due: Optional[Fraction] = None

    def shift(self, time: Fraction, duration: Fraction) -> Fraction:
        """Find by how much the next packet is moved.

        Args:
            time (Fraction): When it is decoded, seconds.
            duration (Fraction): How long it lasts.

        Returns:
            Fraction: Seconds to add to its stamps.
        """
        moved = time + self.offset
        if self._breaks and is_break(moved, self._latest, self._due):
            self.parts.append(Part(self._due - time, self._due))
            moved = self._due
        self._latest, self._due = moved, moved + duration
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
    """Whether stamps jump.

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
    """Whether stamps may jump in files of this kind, as in MPEG streams."""
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
        offset = timeline.shift(packet.dts * packet.time_base,
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
    """How long a packet lasts; 0 if that is not known."""
    if packet.duration:
        return packet.duration * packet.time_base
    rate = getattr(packet.stream, 'average_rate', None)
    return 1 / rate if rate else Fraction(0)


class FrameClock:
    """Gives frames times that grow.

    A frame without a time follows the one before at the frame rate. So does
    one whose time goes back by several frames, and those after it are moved
    as much.

    Args:
        step (int): Time from frame to frame, in ticks.
    """

    def __init__(self, step: int) -> None:
        self._step, self._moved = step, 0
        self._last: Optional[int] = None

    def place(self, pts: Optional[int]) -> int:
        """Return the time at which the next frame is shown.

        Args:
            pts (int | None): Its stamp, if it has one.
        """
        if pts is None:
            time = 0 if self._last is None else self._last + self._step
        else:
            time = pts + self._moved
            if self._last is not None and time <= self._last:
                restarts = self._last - time > 2 * self._step
                due = self._last + (self._step if restarts else 1)
                self._moved += due - time if restarts else 0
                time = due
        self._last = time
        return time
