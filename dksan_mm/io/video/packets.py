# Copyright (c) DKSAN-MM contributors.
"""A video file packet by packet, and whether it is whole."""
import os.path as osp
from collections.abc import Iterator
from fractions import Fraction

import av

from .animations import check_gif_end, count_png_frames
from .streams import find_second_mp4, open_decoder
from .timeline import Packet, follow, open_timeline

# Seconds, in addition to 2 %, that a file may end early: headers round up,
# and count what decoders drop of the sound's beginning.
TAIL = Fraction(1, 4)
# Formats that state a length of the video alone. Matroska does not.
STATED = ('mov,mp4,m4a,3gp,3g2,mj2', 'avi')
# How files of other formats begin, and within how many bytes of the end of
# one to look for another.
STARTS = {'flv': b'FLV\x01', 'matroska,webm': b'\x1aE\xdf\xa3'}
REST = 2**20


class Packets:
    """The packets of all streams, and where the last of them ends."""

    def __init__(self, container: av.container.InputContainer) -> None:
        self._container = container
        self._end_byte, self._frames = 0, 0
        self._timeline = open_timeline(container)
        # Of each stream: its latest time, and the longest step to one.
        self._times: dict[int, tuple[Fraction, Fraction]] = {}

    def decode(self, stream: av.VideoStream) -> Iterator[av.VideoFrame | None]:
        """Yield frames, and None for each packet that cannot be decoded.

        Their times begin at zero; see :mod:`dksan_mm.io.video.timeline`.
        """
        decoder = open_decoder(stream)
        for packet in self._container.demux():
            if packet.size and packet.pos is not None:
                self._end_byte = packet.pos + packet.size
            if packet.pts is not None and packet.time_base:
                self._note(packet, packet.pts * packet.time_base)
            follow(packet, self._timeline, stream)
            if packet.stream.index != stream.index:
                continue
            try:
                for frame in decoder.decode(packet):
                    self._frames += 1
                    yield frame
            except av.InvalidDataError:
                yield None

    def find_second(self, path: str) -> int | None:
        """Find where another recording begins that FFmpeg does not read.

        Args:
            path (str): The file, whose packets have been read.

        Returns:
            int | None: The number of the byte; None if there is none, or the
            format is one of which FFmpeg reads all.
        """
        kind = self._container.format.name
        if kind == STATED[0]:
            return find_second_mp4(path)
        if kind not in STARTS:
            return None
        with open(path, 'rb') as file:
            file.seek(self._end_byte)
            found = file.read(REST).find(STARTS[kind])
        return None if found < 0 else self._end_byte + found

    def _note(self, packet: Packet, time: Fraction) -> None:
        # Not all packets state how long they last: as long as another did.
        last, step = self._times.get(packet.stream.index, (time, Fraction(0)))
        length = (packet.duration or 0) * packet.time_base
        self._times[packet.stream.index] = (max(last, time),
                                            max(step, length, time - last))

    def check_end(self, path: str, stream: av.VideoStream,
                  last: av.VideoFrame) -> None:
        """Notice a file that was cut short.

        The frames alone do not tell where a video has sound, which may be
        longer: then all streams must end well before the stated length.

        Raises:
            ValueError: If it was.
        """
        kind = self._container.format.name
        if kind == 'yuv4mpegpipe':
            return _check_last_byte(path, self._end_byte, self._frames - 1)
        if kind == 'gif':
            return check_gif_end(path, self._frames)
        if kind == 'apng' and self._frames < count_png_frames(path):
            raise ValueError(f'{path}: cut short, it has {self._frames} of '
                             f'{count_png_frames(path)} frames')
        if len(self._times) == 1 or kind in STATED:
            _check_tail(path, self._container, stream, last,
                        float(self._timeline.offset))
        if kind == 'avi':
            return  # its sound may have no times that could be compared
        start, duration = _stated(self._container)
        end = max((sum(times) for times in self._times.values()), default=0)
        if end < start + duration * Fraction(98, 100) - TAIL:
            raise ValueError(f'{path}: cut short, it ends at '
                             f'{float(end):.2f} s of '
                             f'{float(start + duration):.2f} s')


def _stated(
        container: av.container.InputContainer) -> tuple[Fraction, Fraction]:
    """Beginning and length that a file states, seconds.

    In Matroska some programs state the end, not the length: the beginning is
    then part of it.
    """
    begin = Fraction(container.start_time or 0, av.time_base)
    if 'matroska' in container.format.name:
        begin = Fraction(0)
    return begin, Fraction(container.duration or 0, av.time_base)


def _check_tail(path: str, container: av.container.InputContainer,
                stream: av.VideoStream, last: av.VideoFrame,
                offset: float) -> None:
    """Notice a file that was cut short, which decodes without an error.

    Raises:
        ValueError: If the frames end well before the length that the header
            states.
    """
    if last.pts is None or last.time_base is None or \
            not stream.average_rate:
        return
    step = 1 / float(stream.average_rate)
    if last.duration and last.time_base:  # the last one may be shown for long
        step = max(step, float(last.duration * last.time_base))
    if container.format.name == 'avi':
        # FFmpeg shortens the duration of a file that was cut, not the count.
        stated = stream.frames * step
    elif stream.duration is not None and stream.time_base is not None:
        stated = float((stream.start_time or 0) + stream.duration)
        stated *= float(stream.time_base)
    elif container.duration and len(container.streams) == 1:
        stated = float(sum(_stated(container)))
    else:
        return
    reached = float(last.pts * last.time_base) - offset + step
    if reached < stated - max(3 * step, 0.02 * stated):
        raise ValueError(f'{path}: cut short, the frames end at '
                         f'{reached:.2f} s of {stated:.2f} s')


def _check_last_byte(path: str, end: int, number: int) -> None:
    """Notice a y4m file that was cut short: its header states no length.

    Args:
        path (str): The file.
        end (int): Where the last packet ends, bytes.
        number (int): Of the last frame.

    Raises:
        ValueError: If a part of a frame follows.
    """
    if end < osp.getsize(path):
        raise ValueError(f'{path}: cut short in the frame after frame '
                         f'{number}')
