# Copyright (c) DKSAN-MM contributors.
"""Readers of the frames of a video file, a folder, a glob or an image."""
import os
import os.path as osp
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from dksan_mm.io.file_kinds import describe_kind
from dksan_mm.io.image_headers import JPEG_START, PNG_START, is_animated_webp
from dksan_mm.io.images import decode_with_notes, sum_up
from dksan_mm.io.listing import (check_reachable, find_gaps, is_image_name,
                                 is_video_name, list_frames_of, not_taken,
                                 read_folder, refuse_special)
from .animations import is_animated_png
from .base import Frame, Source
from .decoder import Decoder, Picture
from .frame_times import place_frames
from .inputs import is_address, match

DEFAULT_RATE = Fraction(25)  # frame rate of images: chosen here


class VideoFile(Source):
    """A video file, decoded from beginning to end.

    Damaged packets are skipped and counted. Frames are turned upright.

    Args:
        path (str): Path of the file.
        rate (Fraction, optional): Frame rate that replaces the frame times
            of the file; the sound is then dropped.
        keep_color (bool): Whether the target can be tagged with the video's
            colours; see :class:`~dksan_mm.io.video.pixels.PixelReader`.
        deinterlace (bool): Whether to deinterlace interlaced frames.

    Raises:
        ValueError: If the file is not a video.
        OSError: If the file cannot be opened.
    """

    def __init__(self,
                 path: str,
                 rate: Fraction | None = None,
                 *,
                 keep_color: bool = False,
                 deinterlace: bool = True) -> None:
        decoder = Decoder(path, keep_color=keep_color, deinterlace=deinterlace)
        super().__init__(path, rate or decoder.rate or DEFAULT_RATE,
                         decoder.num_frames)
        self._decoder = decoder
        self.keeps_time = rate is None and bool(decoder.time_base)
        if self.keeps_time:
            self.time_base = decoder.time_base
        self.tracks = path if decoder.has_tracks else None
        self.sample_aspect = decoder.sample_aspect

    def _read(self) -> Iterator[Frame]:
        step = round(1 / (self.rate * self.time_base)) or 1
        pictures = ((picture.pts if self.keeps_time else None,
                     picture.duration, picture) for picture in self._decode())
        try:
            for pts, duration, picture in place_frames(pictures, step):
                yield Frame(picture.load('rgb24'), pts, duration)
        finally:
            self.notes += self._decoder.notes

    def _decode(self) -> Iterator[Picture]:
        found, damaged = False, 0
        try:
            for picture in self._decoder:
                if picture is None or picture.is_damaged:
                    damaged += 1
                if picture is not None:
                    found = True
                    self.sample_aspect = self._decoder.sample_aspect
                    self.color = self._decoder.color
                    yield picture
        except av.FFmpegError as error:
            reason = error.strerror or error
            if not found:
                raise ValueError(f'{self.path}: no frame in the video that '
                                 f'can be decoded ({reason})') from error
            self.complaints.append(
                f'{self.path}: cannot be read to its end ({reason})')
        finally:
            if damaged:
                self.complaints.append(
                    f'{self.path}: {damaged} damaged '
                    f'{"frame" if damaged == 1 else "frames"}')


class Images(Source):
    """Image files as the frames of a video.

    Args:
        path (str): Folder or pattern as the user named it.
        files (Sequence[str]): Image files in temporal order.
        rate (Fraction, optional): Frame rate in Hz.
        notes (Sequence[str]): Notes from the search for the files.
    """

    def __init__(self,
                 path: str,
                 files: Sequence[str],
                 rate: Fraction | None = None,
                 *,
                 notes: Sequence[str] = ()) -> None:
        super().__init__(path, rate or DEFAULT_RATE, len(files))
        self.files = list(files)
        self.notes += notes

    @property
    def inputs(self) -> list[str]:
        """Files that are read."""
        return self.files

    def _read(self) -> Iterator[Frame]:
        said: Counter[str] = Counter()
        try:
            for number, file in enumerate(self.files):
                refuse_special(file)
                with open(file, 'rb') as opened:
                    image, phrases = decode_with_notes(opened.read(), file)
                said.update(phrases)
                image = np.ascontiguousarray(image[..., ::-1])
                yield Frame(image, number, 1)
        finally:
            self.notes += sum_up(self.path, said)


def open_source(path: str | os.PathLike[str],
                rate: Fraction | None = None,
                *,
                keep_color: bool = False,
                deinterlace: bool = True,
                animate: bool = True) -> Source:
    """Open a video file, a folder of images, a glob of images or one image.

    Args:
        path (str | PathLike): A path, or a pattern such as ``'in/*.png'``.
        rate (Fraction, optional): Frame rate in Hz; 25 by default for
            images. For a video it replaces the frame times.
        keep_color (bool): See :class:`VideoFile`.
        deinterlace (bool): See :class:`VideoFile`.
        animate (bool): Whether to read an animated image as a video; if not,
            its still image is read.

    Returns:
        Source: The frames, not read yet.

    Raises:
        FileNotFoundError: If ``path`` does not exist.
        ValueError: If it has no frames; names the path.
        OSError: If it cannot be opened.
    """
    path = os.fspath(path)
    refuse_special(path)
    if osp.isdir(path):
        files, notes = list_frames_of(path)
        if not files:
            raise ValueError(f'{path}: no image and no video in this folder'
                             f'{_first_of(read_folder(path).others)}')
        return Images(path, files, rate, notes=notes)
    if osp.exists(path):
        animated = is_animated(path)
        if is_image(path) and not (animated and animate):
            images = Images(path, [path], rate)
            if animated:
                images.notes.append(f'{path} is animated: the output is its '
                                    'first image; name a video or a folder')
            return images
        return VideoFile(
            path, rate, keep_color=keep_color, deinterlace=deinterlace)
    return _open_pattern(path, rate)


def _first_of(names: Sequence[str]) -> str:
    return f', but {names[0]}' if names else ''


def _open_pattern(path: str, rate: Fraction | None) -> Images:
    files = match(path)
    if not files or path in files:  # as a dead link is
        check_reachable(path)
    if not files:
        if is_address(path):
            raise ValueError(f'{path}: network addresses are not supported; '
                             'download the video to a file first')
        stars = re.sub('%0?[0-9]*d', '*', path)
        hint = '' if stars == path else \
            f'; write a pattern of frames as {stars}'
        raise FileNotFoundError(f'there is no file or folder {path}{hint}')
    images = [f for f in files if is_image_name(f) and osp.isfile(f)]
    others = [osp.basename(f) for f in files if f not in images]
    if not images:
        raise ValueError(f'{path}: a pattern must match images or videos, '
                         f'but {files[0]} is neither')
    notes = [not_taken(path, others)] if others else []
    notes += find_gaps(path, images)
    return Images(path, images, rate, notes=notes)


def is_image(path: str) -> bool:
    """Return whether a file is an image, by its suffix or else its content.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is a HEIC image, which is not supported.
    """
    if is_image_name(path) or is_video_name(path):
        return is_image_name(path)
    with open(path, 'rb') as file:
        start = file.read(12)
    if start[4:12] in (b'ftypheic', b'ftypheix', b'ftypmif1'):
        raise ValueError(f'{path}: {describe_kind(start)}')
    return start.startswith((PNG_START, JPEG_START, b'II*\0', b'MM\0*'))


def is_animated(path: str) -> bool:
    """Return whether a file is an animated PNG, WebP or AVIF."""
    if is_animated_png(path):
        return True
    with open(path, 'rb') as file:
        start = file.read(21)
    return is_animated_webp(start) or start[4:12] == b'ftypavis'
