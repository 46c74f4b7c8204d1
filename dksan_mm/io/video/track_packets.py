# Copyright (c) DKSAN-MM contributors.
"""Packets of a file's sound and subtitles, on the time of its video."""
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import av

from .streams import choose_stream, open_container
from .timeline import (BACK, Follower, Packet, Part, find_parts, follow, move,
                       open_timeline, packet_seconds)


class TrackPackets:
    """Packets of some streams; iterate once.

    Their stamps begin at zero and, of each stream, grow. Sound that is for a
    time that has sound already is left out.

    Args:
        source (str): The file.
        container (InputContainer): The open file, not read from yet.
        indices (Sequence[int]): Which streams.
        found (tuple[list[Part], Counter]): What :func:`read_parts` gave.

    Attributes:
        left_out (Counter): Numbers of packets, by their streams' indices.
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
            if packet.dts is None or not packet.time_base:
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
    """Read a file to see where its stamps jump; see :func:`find_parts`."""
    with open_container(source) as container:
        return find_parts(container, choose_stream(source, container))


class _Growing:
    """Makes the stamps of one stream grow, as containers demand."""

    def __init__(self) -> None:
        self._latest: int | None = None
        self._repeats = False

    def take(self, packet: Packet) -> bool:
        """Change a packet's stamps if need be; False if it is left out."""
        if packet.dts is None:  # TrackPackets leaves such packets out
            return False
        is_sound = packet.stream.type == 'audio'
        back = 0 if self._latest is None else self._latest - packet.dts
        if self._latest is not None and back >= (0 if is_sound else 1):
            self._repeats |= is_sound and back * packet.time_base > BACK
            if self._repeats:
                return False
            packet.dts = self._latest + is_sound  # subtitles may coincide
        self._repeats = False
        if packet.pts is not None and packet.pts < packet.dts:
            packet.pts = packet.dts
        self._latest = packet.dts
        return True


def try_packets(source: str, indices: Sequence[int], kind: str,
                found: tuple[list[Part], Counter[int]]) -> dict[int, set[int]]:
    """Find which packets a kind of container refuses.

    Args:
        source (str): The file.
        indices (Sequence[int]): The streams in it to try.
        kind (str): FFmpeg's name of the container.
        found (tuple[list[Part], Counter]): As for :class:`TrackPackets`.

    Returns:
        dict[int, set[int]]: By the indices of streams that it can hold, the
        numbers of the packets that it cannot.
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
            pass  # noted when they are copied
        return {
            index: trial.refused
            for index, trial in trials.items() if trial.close()
        }


class _Nowhere(io.RawIOBase):
    """A file that is as long as one likes and keeps nothing."""

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
    """A container with one stream that nobody keeps."""

    def __init__(self, stream: av.stream.Stream, kind: str) -> None:
        self.fits, self._count = True, 0
        self.refused: set[int] = set()
        self._container = av.open(_Nowhere(), 'w', format=kind)
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
        """Finish the container; whether it can be, with half the packets."""
        try:
            self._container.close()
        except (av.FFmpegError, ValueError):
            return False
        return 2 * len(self.refused) <= self._count
