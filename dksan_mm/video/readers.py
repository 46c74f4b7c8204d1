# Copyright (c) DKSAN-MM contributors.
"""Frames of a video file, a folder, a glob or one image, one by one."""
import glob
import os
import os.path as osp
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Iterator, List, Optional, Sequence, Tuple, Union

import av
import numpy as np

from dksan_mm.prepare.images import read_image
from dksan_mm.prepare.layout import IMAGE_SUFFIXES
from dksan_mm.prepare.sources import Clip, count_frames
from dksan_mm.video.packets import Packets, open_video, to_image

DEFAULT_RATE = Fraction(25)  # frames a second of images: chosen here


@dataclass(frozen=True)
class Frame:
    """A frame and its place in time.

    Attributes:
        image (ndarray[uint8, h, w, 3]): RGB.
        pts (int): When it is shown, in units of its source's ``time_base``.
        duration (int): How long, in the same units; 0 if not known.
    """
    image: np.ndarray
    pts: int
    duration: int


class Source:
    """What all kinds of sources have in common.

    Iterating yields each :class:`Frame` once, in order. Where the rest of a
    source cannot be used (a broken tail, another size), the iteration ends
    and ``complaints`` says why.

    Attributes:
        path (str): As the user named it.
        rate (Fraction): Frames per second, on average.
        time_base (Fraction): Seconds of one unit of ``Frame.pts``.
        num_frames (int): As far as known beforehand; 0 if not.
        sample_aspect (Fraction): Width to height of a pixel.
        audio (str | None): The file whose sound belongs to the frames.
        complaints (list[str]): What was wrong, complete after iterating.
    """
    sample_aspect = Fraction(1)
    audio: Optional[str] = None

    def __init__(self, path: str, rate: Fraction, num_frames: int) -> None:
        self.path, self.rate, self.num_frames = path, rate, num_frames
        self.time_base = 1 / rate
        self.complaints: List[str] = []

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; all of one size.

        Raises:
            ValueError: If there is no frame to begin with; names the path.
        """
        number, size = 0, None
        try:
            for frame in self._read():
                size = size or frame.image.shape
                _check_size(frame, size, f'{self.path}: frame {number}')
                number += 1
                yield frame
        except ValueError as error:
            if not number:
                raise
            self.complaints.append(str(error))

    def _read(self) -> Iterator[Frame]:
        raise NotImplementedError


def _check_size(frame: Frame, size: Tuple[int, ...], name: str) -> None:
    if frame.image.shape != size:
        h, w = frame.image.shape[:2]
        raise ValueError(f'{name} is {w}x{h}, the frames before it are '
                         f'{size[1]}x{size[0]}')


class VideoFile(Source):
    """A video file, decoded from beginning to end.

    Damaged packets are left out and counted. Frames are turned upright.

    Args:
        path (str): The file.
        rate (Fraction, optional): Show the frames at this rate, without
            sound, whatever their times in the file.

    Raises:
        ValueError: If it is no video.
        OSError: If it cannot be opened.
    """

    def __init__(self, path: str, rate: Optional[Fraction] = None) -> None:
        with open_video(path) as container:
            stream = container.streams.video[0]
            own_rate = stream.average_rate or stream.guessed_rate
            super().__init__(path, rate or own_rate or DEFAULT_RATE,
                             count_frames(Clip('', '', path)))
            self._retime = rate is not None or not stream.time_base
            if not self._retime:
                self.time_base = stream.time_base
                self.audio = path if container.streams.audio else None
            self.sample_aspect = stream.sample_aspect_ratio or Fraction(1)

    def _read(self) -> Iterator[Frame]:
        step = round(1 / (self.rate * self.time_base)) or 1
        last = None
        for number, frame in enumerate(self._decode()):
            pts, duration = frame.pts, frame.duration or 0
            if self._retime or pts is None:
                pts, duration = step * number, step
            # Encoders refuse times that do not grow.
            if last is not None and pts <= last:
                pts = last + 1
            last = pts
            yield Frame(to_image(frame, 'rgb24'), pts, duration)

    def _decode(self) -> Iterator[av.VideoFrame]:
        last, damaged = None, 0
        with open_video(self.path) as container:
            stream = container.streams.video[0]
            packets = Packets(container)
            try:
                for frame in packets.decode(stream):
                    if frame is None or frame.is_corrupt:
                        damaged += 1
                    if frame is None:
                        continue
                    if last is None and frame.rotation % 180:
                        self.sample_aspect = 1 / self.sample_aspect
                    last = frame
                    yield frame
            except av.FFmpegError as error:
                self.complaints.append(
                    f'{self.path}: cannot be read to its end '
                    f'({error.strerror or error})')
            if last is None:
                raise ValueError(f'{self.path}: no frame in the video that '
                                 'can be decoded')
            if damaged:
                self.complaints.append(
                    f'{self.path}: {damaged} damaged '
                    f'{"frame" if damaged == 1 else "frames"}')
            packets.check_end(self.path, stream, last)


class Images(Source):
    """Image files as the frames of a video.

    Args:
        path (str): As the user named them all.
        files (Sequence[str]): PNG or JPEG files in temporal order.
        rate (Fraction, optional): Frames per second.
    """

    def __init__(self,
                 path: str,
                 files: Sequence[str],
                 rate: Optional[Fraction] = None) -> None:
        super().__init__(path, rate or DEFAULT_RATE, len(files))
        self.files = list(files)

    def _read(self) -> Iterator[Frame]:
        for number, file in enumerate(self.files):
            image = read_image(file, orient=True)[..., ::-1]
            yield Frame(np.ascontiguousarray(image), number, 1)


def open_source(path: Union[str, os.PathLike],
                rate: Optional[Fraction] = None) -> Source:
    """Open a video file, a folder of images, a glob of images or one image.

    Args:
        path (str | PathLike): A path, or a pattern such as ``'in/*.png'``.
        rate (Fraction, optional): Frames per second. Images have 25 unless
            it is given; of a video it replaces the frames' own times.

    Returns:
        Source: Its frames, not read yet.

    Raises:
        FileNotFoundError: If there is nothing at ``path``.
        ValueError: If it holds no frames; names the path.
        OSError: If it cannot be opened.
    """
    path = os.fspath(path)
    if osp.isdir(path):
        files = list_images(path)
        if not files:
            raise ValueError(f'{path}: no PNG or JPEG frame in this folder')
        return Images(path, files, rate)
    if osp.exists(path):
        if path.lower().endswith(IMAGE_SUFFIXES):
            return Images(path, [path], rate)
        return VideoFile(path, rate)
    files = sorted(glob.glob(path, recursive=True), key=_natural)
    if not files:
        raise FileNotFoundError(f'there is no file or folder {path}')
    others = [f for f in files if not f.lower().endswith(IMAGE_SUFFIXES)]
    if others:
        raise ValueError(f'{path}: a pattern must stand for PNG or JPEG '
                         f'frames only, {others[0]} is none')
    return Images(path, files, rate)


def list_images(folder: str) -> List[str]:
    """PNG and JPEG files of a folder; 9.png comes before 10.png."""
    names = [
        name for name in os.listdir(folder)
        if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != '.'
    ]
    return [osp.join(folder, name) for name in sorted(names, key=_natural)]


def _natural(path: str) -> List[Tuple[int, str]]:
    """Sorting key: numbers by value, everything else by letters."""
    parts = re.split('([0-9]+)', path)
    return [(int(p), '') if p.isdecimal() else (0, p) for p in parts]
