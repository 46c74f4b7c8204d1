# Copyright (c) DKSAN-MM contributors.
"""Demuxing of a video file, and the check that it is complete."""
import os.path as osp
from collections.abc import Iterator
from fractions import Fraction

import av

from .animations import count_png_frames
from .display_times import DisplayTimes, Timed
from .gif import check_gif_end, without_background
from .page_chains import find_damage
from .side_data import NAMING, read_png_profile, without_profile
from .streams import find_second_mp4, open_decoder
from .timeline import Packet, follow, open_timeline

# Tolerance in seconds, in addition to 2 %, for a file that ends early: headers
# round up and include the leading samples that decoders drop from the sound.
TAIL = Fraction(1, 4)
# Formats that state the duration of the video stream. Matroska does not.
STATED = ('mov,mp4,m4a,3gp,3g2,mj2', 'avi')
# Signatures of other formats, and the number of bytes after the end of one
# recording in which to look for another.
STARTS = {'flv': b'FLV\x01', 'matroska,webm': b'\x1aE\xdf\xa3'}
REST = 2**20


class Packets:
    """Packets of all streams, and the time at which the last one ends.

    Attributes:
        profile (bytes): Colour profile of the first frame, if it is a PNG.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._container = container
        self._end_byte, self._frames = 0, 0
        self._timeline = open_timeline(container)
        self._shown_on = False
        self.profile = b''
        # Per stream: latest time, and longest step between two packets.
        self._times: dict[int, tuple[Fraction, Fraction]] = {}

    def decode(self, stream: av.VideoStream) -> Iterator[av.VideoFrame | None]:
        """Yield frames, and None for each packet that cannot be decoded.

        Frame times start at zero; see :mod:`dksan_mm.io.video.timeline`.
        """
        times = DisplayTimes(self._container)
        return times.choose(self._decode(stream, times))

    def _decode(self, stream: av.VideoStream,
                times: DisplayTimes) -> Iterator[Timed]:
        decoder = open_decoder(stream)
        is_png = decoder.name in NAMING
        for packet in self._container.demux():
            if packet.size and packet.pos is not None:
                self._end_byte = packet.pos + packet.size
            if packet.pts is not None and packet.time_base:
                self._note(packet, packet.pts * packet.time_base)
            follow(packet, self._timeline, stream)
            if packet.stream.index != stream.index:
                continue
            if is_png and not self._frames:
                head = (decoder.extradata or b'') + bytes(packet)
                self.profile = read_png_profile(head)
            if decoder.name == 'gif' and not self._frames:
                packet = without_background(packet)
            times.send(packet)
            try:
                for frame in decoder.decode(packet):
                    self._shown_on = False
                    self._frames += 1
                    frame = without_profile(frame) if is_png else frame
                    yield times.receive(frame, flushing=not packet.size)
            except av.InvalidDataError:
                times.lose()
                yield None, None
            except av.ArgumentError:
                if packet.size:
                    raise
                # An empty packet, as of Theora, shows the frame before on.
                self._shown_on = packet.pts is not None

    def find_second(self, path: str) -> int | None:
        """Find where a second recording starts that FFmpeg does not read.

        Args:
            path (str): Path of the file, whose packets have been read.

        Returns:
            int | None: Byte offset of the second recording; None if there is
            none, or if FFmpeg reads all recordings of this format.
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
        # A packet without a duration is taken to last as long as the others.
        last, step = self._times.get(packet.stream.index, (time, Fraction(0)))
        length = (packet.duration or 0) * packet.time_base
        self._times[packet.stream.index] = (max(last, time),
                                            max(step, length, time - last))

    def check_end(self, path: str, stream: av.VideoStream,
                  last: av.VideoFrame) -> None:
        """Check that the file is not truncated.

        If there is sound, which may be longer than the video, the frames
        alone prove nothing: all streams must end well before the duration.

        Raises:
            ValueError: If the file is truncated.
        """
        kind = self._container.format.name
        if kind == STATED[0] and _has_all_samples(path, self._container):
            return  # the duration may be another if the file was edited
        if kind == 'yuv4mpegpipe':
            return _check_last_byte(path, self._end_byte, self._frames - 1)
        if kind == 'gif':
            return check_gif_end(path, self._frames)
        if kind == 'apng' and self._frames < count_png_frames(path):
            raise ValueError(f'{path}: cut short, it has {self._frames} of '
                             f'{count_png_frames(path)} frames')
        if not self._shown_on and (len(self._times) == 1 or kind in STATED):
            _check_tail(path, self._container, stream, last,
                        float(self._timeline.offset))
        damage = find_damage(path, kind)
        if damage:
            raise ValueError(damage)
        if kind == 'avi':
            return  # the sound may have no comparable times
        start, duration = _stated(self._container)
        end = max((sum(times) for times in self._times.values()), default=0)
        if end < start + duration * Fraction(98, 100) - TAIL:
            raise ValueError(f'{path}: cut short, it ends at '
                             f'{float(end):.2f} s of '
                             f'{float(start + duration):.2f} s')


def _stated(
        container: av.container.InputContainer) -> tuple[Fraction, Fraction]:
    """Return the start time and the duration that a file states, seconds.

    Some programs state the end time in Matroska instead of the duration: the
    latter then includes the start time.
    """
    begin = Fraction(container.start_time or 0, av.time_base)
    if 'matroska' in container.format.name:
        begin = Fraction(0)
    return begin, Fraction(container.duration or 0, av.time_base)


def _check_tail(path: str, container: av.container.InputContainer,
                stream: av.VideoStream, last: av.VideoFrame,
                offset: float) -> None:
    """Check for truncation, which decodes without an error.

    Raises:
        ValueError: If the frames end well before the duration that the
            header states.
    """
    if last.pts is None or last.time_base is None or \
            not stream.average_rate:
        return
    step = 1 / float(stream.average_rate)
    if last.duration and last.time_base:  # the last one may be shown longer
        step = max(step, float(last.duration * last.time_base))
    if container.format.name == 'avi':
        # FFmpeg shortens the duration of a truncated file, not the count.
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


def _has_all_samples(path: str,
                     container: av.container.InputContainer) -> bool:
    """Return whether a file holds all samples that its index lists.

    False if some lie beyond its end, or if the index is incomplete, as in
    fragmented MP4 files.
    """
    size = osp.getsize(path)
    return all(stream.frames for stream in container.streams) and all(
        entry.pos + entry.size <= size for stream in container.streams
        for entry in stream.index_entries)


def _check_last_byte(path: str, end: int, number: int) -> None:
    """Check that a y4m file is complete: its header states no duration.

    Args:
        path (str): Path of the file.
        end (int): Byte offset at which the last packet ends.
        number (int): Index of the last frame.

    Raises:
        ValueError: If an incomplete frame follows.
    """
    if end < osp.getsize(path):
        raise ValueError(f'{path}: cut short in the frame after frame '
                         f'{number}')
