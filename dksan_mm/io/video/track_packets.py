# Copyright (c) DKSAN-MM contributors.
"""Packets of a file's sound and subtitles on the timeline of its video."""
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import av

from .streams import choose_stream, open_container
from .timeline import (BACK, Follower, Packet, Part, find_parts, follow, move,
                       open_timeline, packet_seconds)

# FFmpeg's names of the containers of an output and their suffixes, the one
# that supports most codecs first.
_CONTAINERS = dict(matroska='.mkv', mov='.mov', mp4='.mp4')
# FFmpeg takes the number of samples from the duration of the whole file, so
# that a copy next to a video cannot be decoded.
_BOUND = ('tta', )


class TrackPackets:
    """Packets of some streams; can be iterated once.

    Timestamps start at zero and increase within each stream. Sound for a time
    that already has sound is dropped.

    Args:
        source (str): Path of the file.
        container (InputContainer): The open file, not read from yet.
        indices (Sequence[int]): Indices of the streams.
        found (tuple[list[Part], Counter]): Result of :func:`read_parts`.

    Attributes:
        left_out (Counter): Number of dropped packets by stream index.
    """

    def __init__(self, source: str, container: av.container.InputContainer,
                 indices: Sequence[int], found: tuple[list[Part],
                                                      Counter[int]]) -> None:
        self._container = container
        self.left_out: Counter[int] = Counter()
        self._video = choose_stream(source, container)
        self._parts, breaks = found
        self._followers = {
            index: Follower(self._parts, breaks[index])
            for index in indices
        }
        self._growing = {index: _Growing() for index in indices}

    def __iter__(self) -> Iterator[Packet]:
        if not self._followers:
            return
        timeline = open_timeline(self._container)
        for packet in self._container.demux():
            index = packet.stream.index
            follow(packet, timeline, self._video)
            if index not in self._followers or not packet.size:
                continue
            if packet.dts is None:
                packet.dts = packet.pts
            if packet.dts is None or not packet.time_base or \
                    self._followers[index].is_hidden(packet):
                continue
            part = min(len(timeline.parts), len(self._parts)) - 1
            offset = self._followers[index].shift(
                packet.dts * packet.time_base, packet_seconds(packet), part)
            if offset is not None:
                move(packet, offset)
                if self._growing[index].take(packet):
                    yield packet
                    continue
            self.left_out[index] += 1


def read_parts(source: str) -> tuple[list[Part], Counter[int]]:
    """Find where a file's timestamps jump; see :func:`find_parts`."""
    with open_container(source) as container:
        return find_parts(container, choose_stream(source, container))


class _Growing:
    """Makes the timestamps of one stream increase, as containers require."""

    def __init__(self) -> None:
        self._latest: int | None = None
        self._repeats = False

    def take(self, packet: Packet) -> bool:
        """Correct a packet's timestamps; False if it must be dropped."""
        if packet.dts is None:  # TrackPackets drops such packets
            return False
        is_sound = packet.stream.type == 'audio'
        back = 0 if self._latest is None else self._latest - packet.dts
        if self._latest is not None and back >= (0 if is_sound else 1):
            self._repeats |= is_sound and back * packet.time_base > BACK
            if self._repeats:
                return False
            packet.dts = self._latest + is_sound  # subtitles may share a time
        self._repeats = False
        if packet.pts is not None and packet.pts < packet.dts:
            packet.pts = packet.dts
        self._latest = packet.dts
        return True


def try_packets(source: str, indices: Sequence[int], kind: str,
                found: tuple[list[Part], Counter[int]]) -> dict[int, set[int]]:
    """Find the packets that a container refuses.

    Args:
        source (str): Path of the file.
        indices (Sequence[int]): Indices of the streams to try.
        kind (str): FFmpeg's name of the container.
        found (tuple[list[Part], Counter]): As for :class:`TrackPackets`.

    Returns:
        dict[int, set[int]]: Numbers of the refused packets, by the index of
        each stream that the container supports.
    """
    trials = {}
    with open_container(source) as container:
        for index in indices:
            trial = _Trial(container.streams[index], kind)
            if trial.fits:
                trials[index] = trial
        try:
            for packet in TrackPackets(source, container, list(trials), found):
                trials[packet.stream.index].mux(packet)
        except av.FFmpegError:
            pass  # reported when the packets are copied
        return {
            index: trial.refused
            for index, trial in trials.items() if trial.close()
        }


def find_container(source: str, index: int, kind: str,
                   found: tuple[list[Part], Counter[int]]) -> str:
    """Find another container for a stream that one does not support.

    Args:
        source (str): Path of the file.
        index (int): Index of the stream.
        kind (str): FFmpeg's name of the container that does not support it.
        found (tuple[list[Part], Counter]): As for :class:`TrackPackets`.

    Returns:
        str: Suffix of the other container; '' if none supports the stream.
    """
    for other, suffix in _CONTAINERS.items():
        if other != kind and index in try_packets(source, [index], other,
                                                  found):
            return suffix
    return ''


class _Nowhere(io.RawIOBase):
    """A writable file of any length that stores nothing."""

    def __init__(self) -> None:
        self._place = self._size = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        self._place += len(content)
        self._size = max(self._size, self._place)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        return self._place


class _Trial:
    """A discarded container with a copy of one stream."""

    def __init__(self, stream: av.stream.Stream, kind: str) -> None:
        self.fits, self._count = True, 0
        self.refused: set[int] = set()
        self._container = av.open(_Nowhere(), 'w', format=kind)
        if stream.codec_context.name in _BOUND:
            self.fits = False
            return
        try:
            self._copy = self._container.add_stream_from_template(stream)
            self._container.start_encoding()
        except (av.FFmpegError, ValueError):
            self.fits = False

    def mux(self, packet: Packet) -> None:
        packet.stream = self._copy
        try:
            self._container.mux(packet)
        except (av.FFmpegError, ValueError):
            self.refused.add(self._count)
        self._count += 1

    def close(self) -> bool:
        """Finish; True if that works and half the packets are accepted."""
        try:
            self._container.close()
        except (av.FFmpegError, ValueError):
            return False
        return 2 * len(self.refused) <= self._count
