# Copyright (c) DKSAN-MM contributors.
"""Carrying a source's sound over to the enlarged video, unchanged."""
import io
from fractions import Fraction
from typing import Dict, Iterator, List, Optional

import av


class AudioCopy:
    """Copies the audio packets of a file into an output container.

    Args:
        source (str): The file that has the sound.
        target (av.container.OutputContainer): Not written to yet.

    Attributes:
        notes (list[str]): What could not be copied.
    """

    def __init__(self, source: str,
                 target: av.container.OutputContainer) -> None:
        self.source, self._target = source, target
        self.notes: List[str] = []
        self._container = av.open(source)
        self._streams: Dict[int, av.audio.stream.AudioStream] = {}
        for stream in self._container.streams.audio:
            if _can_hold(target.format.name, source, stream.index):
                self._streams[stream.index] = target.add_stream_from_template(
                    stream)
            else:
                self.notes.append(
                    f'{source}: {stream.codec_context.name} sound is left '
                    f'out, a {target.format.name} file cannot hold it; '
                    'name the output .mkv to keep it')
        self._packets = self._demux()
        self._next: Optional[av.Packet] = next(self._packets, None)

    def copy_until(self, seconds: Optional[Fraction]) -> None:
        """Copy what is heard up to a time; all that is left for None."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and _start(packet) > seconds:
                break
            packet.stream = self._streams[packet.stream.index]
            self._target.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source."""
        self._packets.close()
        self._container.close()

    def _demux(self) -> Iterator[av.Packet]:
        if not self._streams:
            return
        wanted = [self._container.streams[index] for index in self._streams]
        try:
            for packet in self._container.demux(wanted):
                if packet.dts is not None:  # the last one is empty
                    yield packet
        except av.FFmpegError as error:
            self.notes.append(f'{self.source}: the sound cannot be read '
                              f'to its end ({error.strerror or error})')


def _start(packet: av.Packet) -> Fraction:
    return packet.dts * packet.time_base


def _can_hold(kind: str, source: str, index: int) -> bool:
    """Whether a kind of container takes a stream: its first packet is tried.

    The header alone does not tell: mp4 refuses some sound when it is closed.
    """
    try:
        with av.open(source) as container, av.open(
                io.BytesIO(), 'w', format=kind) as trial:
            stream = container.streams[index]
            copy = trial.add_stream_from_template(stream)
            packet = next(container.demux(stream))
            packet.stream = copy
            trial.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True
