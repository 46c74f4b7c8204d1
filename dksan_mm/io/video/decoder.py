# Copyright (c) DKSAN-MM contributors.
"""Decoding of a video file from beginning to end."""
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from .animated_avif import open_avif
from .animations import Animation, count_png_frames, open_animation
from .color import Color
from .deinterlace import Deinterlacer
from .geometry import Crop, is_slanted, read_crop, read_orientation
from .packets import Packets
from .pixels import PixelReader
from .side_data import has_other_profile, read_profile, read_profile_of
from .streams import open_video

# Frames per second; FFmpeg finds 60,000 in raw DV files, which it then guesses
# to have 25.
MAX_RATE = 1000


@dataclass(frozen=True)
class Picture:
    """A decoded frame, not yet converted to RGB.

    Attributes:
        load (Callable[[str], ndarray[uint8, h, w, 3]]): Converts it to
            'rgb24' or 'bgr24'; may raise a ValueError that names the path.
        pts (int | None): Presentation time in units of ``time_base``.
        duration (int): Duration in the same units; 0 if unknown.
        is_damaged (bool): Whether the decoder concealed errors in it.
    """
    load: Callable[[str], NDArray[Any]]
    pts: int | None = None
    duration: int = 0
    is_damaged: bool = False


class Decoder:
    """Decoder of the frames of one video file; can be iterated once.

    Iterating yields a :class:`Picture` for each frame, in order, and None for
    each packet that cannot be decoded.

    Args:
        path (str): Path of a video or an animation (GIF, APNG, WebP, AVIF).
        keep_color (bool): Whether the target can be tagged with the video's
            colours; see :class:`~dksan_mm.io.video.pixels.PixelReader`.
        deinterlace (bool): Whether to deinterlace interlaced frames.
        threads (int, optional): Number of decoder threads.

    Attributes:
        rate (Fraction | None): Average frame rate in Hz, if known.
        time_base (Fraction | None): Unit of ``pts`` in seconds.
        num_frames (int): Number of frames, maybe estimated; 0 if unknown.
        sample_aspect (Fraction): Pixel aspect ratio, width to height; final
            once the first frame is decoded.
        has_tracks (bool): Whether the file may have sound and other tracks.

    Raises:
        ValueError: If the file has no video, or, while iterating, if no frame
            can be decoded or the file is truncated; names the path.
        OSError: If the file cannot be opened.
    """

    def __init__(self,
                 path: str,
                 *,
                 keep_color: bool = False,
                 deinterlace: bool = True,
                 threads: int | None = None) -> None:
        self.path = path
        self._deinterlacer = Deinterlacer() if deinterlace else None
        self._is_interlaced = False
        self._threads = threads
        self._pixels = PixelReader(path, keep_color=keep_color)
        self._notes: list[str] = []
        self.sample_aspect, self.has_tracks = Fraction(1), False
        self.rate: Fraction | None = None
        self.time_base = Fraction(1, 1000)
        animation = open_avif(path)  # may be of no frames, and then false
        self._animation = open_animation(
            path) if animation is None else animation
        if self._animation is not None:
            self._describe_animation(self._animation)
            return
        container, stream = open_video(path)
        with container:
            self._describe(container, stream)

    def _describe_animation(self, animation: Animation) -> None:
        self.num_frames = len(animation)
        seconds = Fraction(sum(animation.durations), 1000)
        self.rate = len(animation) / seconds if seconds else None

    def _describe(self, container: av.container.InputContainer,
                  stream: av.VideoStream) -> None:
        average = stream.average_rate
        if average and average > MAX_RATE:
            average = stream.guessed_rate
        self.rate = average or stream.guessed_rate
        self.time_base = stream.time_base or self.time_base
        self.sample_aspect = stream.sample_aspect_ratio or Fraction(1)
        self._pixels.crop = read_crop(container, stream)
        self.has_tracks = True
        seconds = (container.duration or 0) / av.time_base
        self.num_frames = (
            stream.frames or count_png_frames(self.path)
            or round(seconds * float(average or 0)))

    @property
    def color(self) -> Color:
        """Colours of the images; known after the first frame."""
        return self._pixels.color

    @property
    def notes(self) -> list[str]:
        """Sentences about everything that was changed or left out."""
        notes = self._notes + self._pixels.notes
        if self._is_interlaced:
            verb = 'is' if self._deinterlacer else 'is not'
            notes.append(f'{self.path} is interlaced: it {verb} deinterlaced')
        return notes

    def __iter__(self) -> Iterator[Picture | None]:
        if self._animation is not None:
            yield from self._play(self._animation)
            return
        container, stream = open_video(self.path)
        with container:
            if self._threads:
                stream.codec_context.thread_count = self._threads
            packets, last = Packets(container), None
            frames = self._look_for_fields(packets.decode(stream))
            if self._deinterlacer:
                frames = self._deinterlacer.filter(frames)
            for frame in frames:
                if frame is None:
                    yield None
                    continue
                if last is None:
                    self._begin(frame)
                    self._note_profile(packets.profile or read_profile(frame))
                last = frame
                yield Picture(
                    functools.partial(self._pixels.read, frame), frame.pts,
                    frame.duration or 0, frame.is_corrupt)
            if last is None:
                raise ValueError(f'{self.path}: no frame in the video that '
                                 'can be decoded')
            second = packets.find_second(self.path)
            if second is not None:
                self._notes.append(
                    f'{self.path}: another recording was appended at byte '
                    f'{second}, which players do not show: it is left out')
            packets.check_end(self.path, stream, last)

    def _look_for_fields(
        self, frames: Iterable[av.VideoFrame | None]
    ) -> Iterator[av.VideoFrame | None]:
        for frame in frames:
            if frame is not None and frame.interlaced_frame:
                self._is_interlaced = True
            yield frame

    def _begin(self, frame: av.VideoFrame) -> None:
        self._pixels.begin(frame)
        if not self._pixels.crop.leaves(frame.width, frame.height):
            self._pixels.crop = Crop()
            self._notes.append(f'{self.path}: its header crops all pixels: '
                               'it is not applied')
        if is_slanted(frame):
            self._notes.append(f'{self.path} has a rotation that is no right '
                               'angle: it is turned to the nearest one')
        if read_orientation(frame).transpose:
            self.sample_aspect = 1 / self.sample_aspect

    def _note_profile(self, profile: bytes) -> None:
        if has_other_profile(profile):
            self._notes.append(f'{self.path}: its colour profile is not '
                               'applied, the values are taken as they are')

    def _play(self, animation: Animation) -> Iterator[Picture]:
        self._notes += animation.notes
        self._note_profile(read_profile_of(animation.path))
        time = 0
        for image, duration in animation:
            image = self._pixels.over_black(image)
            yield Picture(functools.partial(_ordered, image), time, duration)
            time += duration


def _ordered(image: NDArray[Any], pixels: str) -> NDArray[Any]:
    """Return an RGB image as 'rgb24' or 'bgr24'."""
    return np.ascontiguousarray(image[..., ::-1] if pixels ==
                                'bgr24' else image)
