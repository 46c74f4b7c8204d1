# Copyright (c) DKSAN-MM contributors.
"""Timeline of a recording that starts at zero and has no breaks."""
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av

if TYPE_CHECKING:
    Packet = av.Packet[av.stream.Stream]
else:  # generic for type checkers alone
    Packet = av.Packet

# FFmpeg's limits in seconds: of a jump forward in formats with discontinuous
# timestamps (MPEG streams), in other formats, and of a jump back.
FORWARD, FAR, BACK = Fraction(10), Fraction(30 * 3600), Fraction(1, 10)
NEAR = Fraction(2)  # between jumps of sound and of video: chosen here
LEAD_IN = Fraction(1, 10)  # seconds; Opus needs 80 ms, other codecs less
_TS_DISCONT = 512  # AVFMT_TS_DISCONT of FFmpeg
MAX_LEADING = 5  # frames shown before one that is decoded earlier


class Part(NamedTuple):
    """Part of a video between two breaks.

    Attributes:
        offset (Fraction): Seconds to add to its timestamps.
        begin (Fraction): Its start on the resulting timeline, seconds.
    """
    offset: Fraction
    begin: Fraction


class Timeline:
    """Shifts the timestamps of a video's packets, in the order of the file.

    Where timestamps jump, for instance where two recordings were joined, the
    video continues without a gap. In formats with reliable timestamps, a jump
    forward is a pause and is kept, unless the sound jumps, too.

    Args:
        start (Fraction): Time in seconds that becomes zero.
        breaks (bool): Whether every jump forward is a break.
        hears (bool): Whether the timestamps of the sound are meaningful.

    Attributes:
        parts (list[Part]): Parts of the video found so far.
        breaks (bool): See ``Args``.
    """

    def __init__(self,
                 start: Fraction,
                 *,
                 breaks: bool,
                 hears: bool = True) -> None:
        self.parts, self.breaks = [Part(-start, Fraction(0))], breaks
        self._hears = hears
        self._heard: Fraction | None = None  # end of the sound, unshifted
        self._silence = (Fraction(0), Fraction(0))  # latest jump of the sound
        self._latest: Fraction | None = None
        self._due: Fraction | None = None
        self._end = Fraction(0)  # presentation end of the frames so far

    def shift(self, time: Fraction | None, shown: Fraction | None,
              duration: Fraction) -> Fraction:
        """Compute the shift of the next packet.

        Args:
            time (Fraction | None): Decoding time in seconds, if known.
            shown (Fraction | None): Presentation time in seconds; if unknown,
                the end of the frames so far. One of both times is known.
            duration (Fraction): Duration in seconds.

        Returns:
            Fraction: Seconds to add to its timestamps.
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
        """Return whether a new part begins at a time."""
        moved = time + self.offset
        if self._latest is None or self._due is None or \
                not is_break(moved, self._latest, self._due, frames):
            return False
        return moved < self._latest or self._is_silent(time,
                                                       self._due - self.offset)

    def hear(self, time: Fraction, duration: Fraction) -> None:
        """Record a packet of sound.

        Args:
            time (Fraction): Decoding time in seconds.
            duration (Fraction): Duration in seconds.
        """
        end = time + duration
        if not self._hears:
            return
        if self._heard is None or end + BACK < self._heard - FORWARD:
            self._heard = end  # belongs to another recording
        elif time > self._heard + FORWARD:
            self._silence = self._heard, time
        self._heard = max(self._heard, end)

    def _is_silent(self, time: Fraction, due: Fraction) -> bool:
        """Return whether a jump from the time due is a break, not a pause."""
        if self.breaks or time - due > FAR:
            return True
        begin: Fraction | None
        begin, end = self._silence
        if end <= due:  # the sound after the jump has not been read yet
            begin, end = self._heard, time
        return begin is not None and max(abs(begin - due), time - end) <= NEAR

    @property
    def offset(self) -> Fraction:
        """Shift of the latest packet in seconds."""
        return self.parts[-1].offset


class Follower:
    """Shifts the packets of another stream as those of the video.

    Args:
        parts (Sequence[Part]): All parts of the video's timeline.
        breaks (int): Number of jumps in the stream's own timestamps.
    """

    def __init__(self, parts: Sequence[Part], breaks: int) -> None:
        self._parts, self._breaks, self._number = parts, breaks, 0
        self._latest: Fraction | None = None  # seconds, unshifted
        self._due: Fraction | None = None

    def shift(self, time: Fraction, duration: Fraction,
              number: int) -> Fraction | None:
        """Compute the shift of the next packet.

        Args:
            time (Fraction): Decoding time in seconds.
            duration (Fraction): Duration in seconds.
            number (int): Index of the part that the preceding video packets
                of the file belong to.

        Returns:
            Fraction | None: Seconds to add to its timestamps; None if it lies
            beyond the end of its part, where the next part has its own sound.
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

    def is_hidden(self, packet: Packet) -> bool:
        """Return whether an edit list hides sound that no decoder needs."""
        time = seconds_of(packet)
        if packet.stream.type != 'audio' or not packet.is_discard or not time:
            return False
        goes_back = self._latest is not None and time < self._latest
        return goes_back or not -LEAD_IN <= time < 0

    def _find_part(self, time: Fraction, due: Fraction) -> int:
        """Find the part that continues the stream with the smallest jump."""
        due += self._parts[self._number].offset
        return min(
            range(self._number, len(self._parts)),
            key=lambda number: abs(time + self._parts[number].offset - due))


def is_break(time: Fraction,
             latest: Fraction | None,
             due: Fraction | None,
             frames: int = 2) -> bool:
    """Return whether timestamps jump.

    Args:
        time (Fraction): Time of a packet in seconds.
        latest (Fraction | None): Time of the previous packet, if any.
        due (Fraction | None): End of the previous packet.
        frames (int): Number of frames by which times may step back without a
            jump: decoding times that FFmpeg guesses may be wrong by one.
    """
    if due is None or latest is None:
        return False
    back = max(BACK, frames * (due - latest))
    return time - due > FORWARD or time + back < latest


def open_timeline(container: av.container.InputContainer) -> Timeline:
    """Create the timeline of an open file's video."""
    return Timeline(
        Fraction(container.start_time or 0, av.time_base),
        breaks=bool(container.format.flags & _TS_DISCONT),
        # The sound of an AVI file has no timestamps.
        hears=container.format.name != 'avi')


def find_parts(container: av.container.InputContainer,
               video: av.VideoStream) -> tuple[list[Part], Counter[int]]:
    """Read a file to find where its timestamps jump.

    Args:
        container (InputContainer): The open file, which is read to its end.
        video (VideoStream): Its video stream.

    Returns:
        tuple[list[Part], Counter]: Parts of the video, and number of jumps of
        each other stream by its index.
    """
    timeline = open_timeline(container)
    before: dict[int, tuple[Fraction, Fraction]] = {}
    breaks: Counter[int] = Counter()
    try:
        for packet in container.demux():
            follow(packet, timeline, video)
            index, time = packet.stream.index, seconds_of(packet)
            if index != video.index and time is not None and \
                    not packet.is_discard:
                breaks[index] += is_break(time,
                                          *before.get(index, (None, None)))
                before[index] = time, time + packet_seconds(packet)
    except av.FFmpegError:
        pass  # the parts before the damage are known
    return timeline.parts, breaks


def follow(packet: Packet, timeline: Timeline, video: av.VideoStream) -> None:
    """Update the timeline with the next packet of a file.

    Args:
        packet (Packet): Packet of any stream; one of the video is shifted.
        timeline (Timeline): Timeline of the video.
        video (VideoStream): Stream of the video.
    """
    if packet.stream.index == video.index:
        _move_video(packet, timeline)
    elif packet.stream.type == 'audio' and not packet.is_discard:
        time = seconds_of(packet)
        if time is not None:
            timeline.hear(time, packet_seconds(packet))


def seconds_of(packet: Packet) -> Fraction | None:
    """Return the decoding time of a packet in seconds, if known."""
    if packet.dts is None or not packet.time_base:
        return None
    return packet.dts * packet.time_base


def _move_video(packet: Packet, timeline: Timeline) -> None:
    """Shift the timestamps of the next packet of a video."""
    offset = timeline.offset
    time = shown = seconds_of(packet)
    if time is not None and shown is not None and not packet.is_discard:
        if packet.pts is not None:
            shown = packet.pts * packet.time_base
        early = max(BACK, 2 * packet_seconds(packet))
        if timeline.breaks and abs(shown - time) > FORWARD:
            packet.pts = shown = None  # belongs to the next recording
        elif not timeline.breaks and not -early < shown - time < FORWARD:
            packet.dts = time = None  # guessed from the previous recording
        offset = timeline.shift(time, shown, packet_seconds(packet))
    move(packet, offset)


def move(packet: Packet, seconds: Fraction) -> None:
    """Add seconds to a packet's timestamps."""
    if not packet.time_base:
        return
    ticks = round(seconds / packet.time_base)
    if packet.dts is not None:
        packet.dts += ticks
    if packet.pts is not None:
        packet.pts += ticks


def packet_seconds(packet: Packet) -> Fraction:
    """Return the duration of a packet in seconds; 0 if unknown."""
    if packet.duration:
        return packet.duration * packet.time_base
    rate = getattr(packet.stream, 'average_rate', None)
    return 1 / rate if rate else Fraction(0)
