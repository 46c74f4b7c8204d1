# Copyright (c) DKSAN-MM contributors.
"""Time of a recording: from zero on, and even across breaks."""
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av

if TYPE_CHECKING:
    Packet = av.Packet[av.stream.Stream]
else:  # whose packets are generic for type checkers alone
    Packet = av.Packet

# FFmpeg's limits, seconds: of a jump forward in formats whose stamps may break
# (MPEG streams), and in others, and of a jump back.
FORWARD, FAR, BACK = Fraction(10), Fraction(30 * 3600), Fraction(1, 10)
NEAR = Fraction(2)  # of a jump of the sound and one of the video: chosen here
_TS_DISCONT = 512  # AVFMT_TS_DISCONT of FFmpeg
MAX_LEADING = 5  # frames that are shown before one that is decoded earlier


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
    is continued as if they had not. In formats that have reliable stamps, a
    jump forward is a pause unless the sound jumps, too.

    Args:
        start (Fraction): Time that becomes zero, seconds.
        breaks (bool): Whether all jumps forward are breaks.
        hears (bool): Whether the stamps of the sound tell anything.

    Attributes:
        parts (list[Part]): What the video has been found to consist of.
        breaks (bool): As given.
    """

    def __init__(self,
                 start: Fraction,
                 *,
                 breaks: bool,
                 hears: bool = True) -> None:
        self.parts, self.breaks = [Part(-start, Fraction(0))], breaks
        self._hears = hears
        self._heard: Fraction | None = None  # end of the sound, not moved
        self._silence = (Fraction(0), Fraction(0))  # its latest jump forward
        self._latest: Fraction | None = None
        self._due: Fraction | None = None
        self._end = Fraction(0)  # of the frames so far, when they are shown

    def shift(self, time: Fraction | None, shown: Fraction | None,
              duration: Fraction) -> Fraction:
        """Find by how much the next packet is moved.

        Args:
            time (Fraction | None): When it is decoded, seconds, if known.
            shown (Fraction | None): When it is shown; if that is not known,
                after those before it. One of both is.
            duration (Fraction): How long it lasts.

        Returns:
            Fraction: Seconds to add to its stamps.
        """
        if shown is None:
            shown = self._end - self.offset
        place = shown if time is None else time
        if self._jumps(place, 2 if place == time else MAX_LEADING):
            self.parts.append(Part(self._end - shown, self._end))
            time = place
        if time is not None:
            self._latest = time + self.offset
            self._due = self._latest + duration
        self._end = max(self._end, shown + self.offset + duration)
        return self.offset

    def _jumps(self, time: Fraction, frames: int) -> bool:
        """Return whether a part begins with a packet of a time."""
        moved = time + self.offset
        if self._latest is None or self._due is None or \
                not is_break(moved, self._latest, self._due, frames):
            return False
        return moved < self._latest or self._is_silent(time,
                                                       self._due - self.offset)

    def hear(self, time: Fraction, duration: Fraction) -> None:
        """Take note of a packet of sound.

        Args:
            time (Fraction): When it is decoded, seconds.
            duration (Fraction): How long it lasts.
        """
        end = time + duration
        if not self._hears:
            return
        if self._heard is None or end + BACK < self._heard - FORWARD:
            self._heard = end  # of another recording
        elif time > self._heard + FORWARD:
            self._silence = self._heard, time
        self._heard = max(self._heard, end)

    def _is_silent(self, time: Fraction, due: Fraction) -> bool:
        """Return whether a jump forward from a time due is a break."""
        if self.breaks or time - due > FAR:
            return True
        begin: Fraction | None
        begin, end = self._silence
        if end <= due:  # what comes after the jump has not been heard yet
            begin, end = self._heard, time
        return begin is not None and max(abs(begin - due), time - end) <= NEAR

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
        self._latest: Fraction | None = None  # not moved, seconds
        self._due: Fraction | None = None

    def shift(self, time: Fraction, duration: Fraction,
              number: int) -> Fraction | None:
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
            self._number = self._find_part(time, self._due)
        self._latest, self._due = time, time + duration
        offset = self._parts[self._number].offset
        if self._breaks and self._number + 1 < len(self._parts) and \
                time + offset >= self._parts[self._number + 1].begin:
            return None
        return offset

    def _find_part(self, time: Fraction, due: Fraction) -> int:
        """The part in which the stream is continued with the least jump."""
        due += self._parts[self._number].offset
        return min(
            range(self._number, len(self._parts)),
            key=lambda number: abs(time + self._parts[number].offset - due))


def is_break(time: Fraction,
             latest: Fraction | None,
             due: Fraction | None,
             frames: int = 2) -> bool:
    """Return whether stamps jump.

    Args:
        time (Fraction): Of a packet, seconds.
        latest (Fraction | None): Of the one before, if any.
        due (Fraction | None): When that ends.
        frames (int): By how many frames times may step back without a jump:
            decoding times that FFmpeg makes up are sometimes wrong by one.
    """
    if due is None or latest is None:
        return False
    back = max(BACK, frames * (due - latest))
    return time - due > FORWARD or time + back < latest


def open_timeline(container: av.container.InputContainer) -> Timeline:
    """The timeline of an open file's video."""
    return Timeline(
        Fraction(container.start_time or 0, av.time_base),
        breaks=bool(container.format.flags & _TS_DISCONT),
        # The sound of an AVI file has no stamps.
        hears=container.format.name != 'avi')


def find_parts(container: av.container.InputContainer,
               video: av.VideoStream) -> tuple[list[Part], Counter[int]]:
    """Read a file to see where its stamps jump.

    Args:
        container (InputContainer): The file, which is read to its end.
        video (VideoStream): Its video.

    Returns:
        tuple[list[Part], Counter]: Parts of the video, and how often the
        stamps of other streams jump, by their indices.
    """
    timeline = open_timeline(container)
    before: dict[int, tuple[Fraction, Fraction]] = {}
    breaks: Counter[int] = Counter()
    try:
        for packet in container.demux():
            follow(packet, timeline, video)
            index, time = packet.stream.index, seconds_of(packet)
            if index != video.index and time is not None:
                breaks[index] += is_break(time,
                                          *before.get(index, (None, None)))
                before[index] = time, time + packet_seconds(packet)
    except av.FFmpegError:
        pass  # what comes before the damage is there
    return timeline.parts, breaks


def follow(packet: Packet, timeline: Timeline, video: av.VideoStream) -> None:
    """Take note of the next packet of a file.

    Args:
        packet (Packet): Of any stream. The stamps of the video's are changed.
        timeline (Timeline): Of the video.
        video (VideoStream): Its stream.
    """
    if packet.stream.index == video.index:
        _move_video(packet, timeline)
    elif packet.stream.type == 'audio':
        time = seconds_of(packet)
        if time is not None:
            timeline.hear(time, packet_seconds(packet))


def seconds_of(packet: Packet) -> Fraction | None:
    """Return when a packet is decoded; None if that is not known."""
    if packet.dts is None or not packet.time_base:
        return None
    return packet.dts * packet.time_base


def _move_video(packet: Packet, timeline: Timeline) -> None:
    """Change the stamps of the next packet of a video."""
    offset = timeline.offset
    time = shown = seconds_of(packet)
    if time is not None and shown is not None and not packet.is_discard:
        if packet.pts is not None:
            shown = packet.pts * packet.time_base
        early = max(BACK, 2 * packet_seconds(packet))
        if timeline.breaks and abs(shown - time) > FORWARD:
            packet.pts = shown = None  # of the next recording
        elif not timeline.breaks and not -early < shown - time < FORWARD:
            packet.dts = time = None  # made up, of the recording before
        offset = timeline.shift(time, shown, packet_seconds(packet))
    move(packet, offset)


def move(packet: Packet, seconds: Fraction) -> None:
    """Add a time to a packet's stamps."""
    if not packet.time_base:
        return
    ticks = round(seconds / packet.time_base)
    if packet.dts is not None:
        packet.dts += ticks
    if packet.pts is not None:
        packet.pts += ticks


def packet_seconds(packet: Packet) -> Fraction:
    """Return how long a packet lasts; 0 if that is not known."""
    if packet.duration:
        return packet.duration * packet.time_base
    rate = getattr(packet.stream, 'average_rate', None)
    return 1 / rate if rate else Fraction(0)
