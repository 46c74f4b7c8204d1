# Copyright (c) DKSAN-MM contributors.
"""Animated images that FFmpeg does not decode: WebP and 16-bit APNG.

Each plays once. A frame without a duration lasts 100 ms, as in browsers.
"""
import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from dksan_mm.io.image_headers import PNG_START, still_png
from dksan_mm.io.images import need_image_packages

DEFAULT = 100  # ms
MAX_PIXELS = 2**27  # a header that states more is damaged
Shown = tuple[NDArray[Any], int]


class Animation:
    """Frames of an animation with alpha.

    Iterating yields ``(image, duration)``: an RGBA image (h, w, 4), uint8 or
    float32 from 0 to 255, and its duration in milliseconds.

    Attributes:
        path (str): Path of the file.
        durations (list[int]): Frame durations in milliseconds.
        notes (Sequence[str]): Sentences about what is not applied.
    """
    path: str
    durations: list[int]
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.durations)

    def __iter__(self) -> Iterator[Shown]:
        raise NotImplementedError


def open_animation(path: str) -> Animation | None:
    """Open an animation that FFmpeg does not decode.

    Args:
        path (str): Path of any file.

    Returns:
        Animation | None: None for any other file, or an unreadable one.

    Raises:
        ValueError: If the animation is damaged at its start; names the path.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(33)
    except OSError:
        return None
    if head[:4] == b'RIFF' and head[8:12] == b'WEBP':
        return WebP(path)
    # Depth and colour type: grey or RGB with alpha, 16 bits.
    if head[:8] == PNG_START and head[24:26] in (b'\x10\x04', b'\x10\x06'):
        apng = DeepApng(path)
        return apng if apng.durations else None
    return None


def count_png_frames(path: str) -> int:
    """Read the number of frames from the header of an animated PNG.

    Returns:
        int: Number of frames; 0 for other files and unreadable ones.
    """
    try:
        with open(path, 'rb') as file:
            if file.read(8) != PNG_START:
                return 0
            while True:
                size, kind = struct.unpack('>I4s', file.read(8))
                if kind == b'acTL':
                    return int.from_bytes(file.read(4), 'big')
                if kind in (b'IDAT', b'IEND'):
                    return 0
                file.seek(size + 4, 1)
    except (OSError, struct.error):
        return 0


def is_animated_png(path: str) -> bool:
    """Return whether a file is an animated PNG."""
    return count_png_frames(path) > 1


class WebP(Animation):
    """A WebP file with one or more frames, composed by libwebp."""

    def __init__(self, path: str) -> None:
        need_image_packages(path)
        from PIL import Image
        self.path = path
        self._content, self.durations, self._is_whole = _read_webp(path)
        try:
            with Image.open(io.BytesIO(self._content)) as image:
                count = getattr(image, 'n_frames', 1)
        except (OSError, Image.DecompressionBombError) as error:
            raise ValueError(f'{path}: not a WebP file that can be decoded: '
                             'damaged, or cut short') from error
        if len(self.durations) < count:  # a still image
            self.durations = [DEFAULT] * count

    def __iter__(self) -> Iterator[Shown]:
        from PIL import Image
        number = 0
        try:
            with Image.open(io.BytesIO(self._content)) as image:
                for number, duration in enumerate(self.durations):
                    image.seek(number)
                    yield np.array(image.convert('RGBA')), duration
        except (OSError, EOFError, ValueError) as error:
            raise ValueError(f'{self.path}: cannot be decoded from frame '
                             f'{number} on ({error})') from error
        if not self._is_whole:
            raise ValueError(f'{self.path}: cut short after frame {number}')


def _read_webp(path: str) -> tuple[bytes, list[int], bool]:
    """Read a WebP file up to its last complete chunk and fix its length field.

    Returns:
        tuple: Content, durations in ms, and whether the file is complete.
    """
    with open(path, 'rb') as file:
        content = file.read()
    end = 8 + int.from_bytes(content[4:8], 'little')
    durations, place = [], 12
    while place + 8 <= min(end, len(content)):
        size = int.from_bytes(content[place + 4:place + 8], 'little')
        after = place + 8 + size + size % 2
        if after > len(content):
            break
        if content[place:place + 4] == b'ANMF':
            time = content[place + 20:place + 23]
            durations.append(int.from_bytes(time, 'little') or DEFAULT)
        place = after
    if end <= len(content):
        return content, durations, True
    head = b'RIFF' + (place - 8).to_bytes(4, 'little')
    return head + content[8:place], durations, False


class Control(NamedTuple):
    """An fcTL chunk: position, size, duration, disposal and blending."""
    number: int
    width: int
    height: int
    x: int
    y: int
    delay: int
    per: int
    dispose: int
    blend: int

    @property
    def duration(self) -> int:
        """Duration in milliseconds."""
        return round(1000 * self.delay / (self.per or 100)) or DEFAULT


class DeepApng(Animation):
    """An animated 16-bit PNG with alpha, which FFmpeg cannot blend."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._head, self._frames = _read_apng(path)
        self.durations = [control.duration for control, _ in self._frames]

    def __iter__(self) -> Iterator[Shown]:
        width, height = struct.unpack('>II', self._head[16:24])
        if width * height > MAX_PIXELS:
            raise ValueError(f'{self.path}: too large, {width}x{height}')
        # Premultiplied by alpha: blending is then a single sum.
        canvas = np.zeros((height, width, 4), np.float32)
        for number, (control, data) in enumerate(self._frames):
            _, w, h, x, y = control[:5]
            place = canvas[y:y + h, x:x + w]
            image = self._decode(number, control, data)
            if place.shape != image.shape:
                raise ValueError(f'{self.path}: frame {number} lies outside '
                                 'the picture')
            before = place.copy()
            if control.blend:
                image = image + before * (1 - image[..., 3:])
            place[:] = image
            yield _straight(canvas), control.duration
            if control.dispose == 1 or control.dispose == 2 and not number:
                place[:] = 0
            elif control.dispose == 2:
                place[:] = before
        stated = count_png_frames(self.path)
        if stated > len(self._frames):
            raise ValueError(f'{self.path}: cut short, it has '
                             f'{len(self._frames)} of {stated} frames')

    def _decode(self, number: int, control: Control,
                data: bytes) -> NDArray[Any]:
        """Decode one frame to float32 RGBA, premultiplied by alpha."""
        head = struct.pack('>II', control.width,
                           control.height) + self._head[24:29]
        png = io.BytesIO(still_png(head, data))
        try:
            with av.open(png, 'r', 'png_pipe') as container:
                [frame] = container.decode(video=0)
        except (ValueError, av.FFmpegError) as error:
            raise ValueError(
                f'{self.path}: frame {number} is damaged') from error
        image = frame.to_ndarray(format='rgba64le') / np.float32(65535)
        image[..., :3] *= image[..., 3:]
        return image


def _read_apng(path: str) -> tuple[bytes, list[tuple[Control, bytes]]]:
    """Read the header and frames of a PNG; no frames if not animated."""
    with open(path, 'rb') as file:
        content = file.read()
    frames: list[tuple[Control, bytes]] = []
    place, is_animated = 8, False
    while place + 12 <= len(content):
        size = int.from_bytes(content[place:place + 4], 'big')
        kind = content[place + 4:place + 8]
        data = content[place + 8:place + 8 + size]
        place += 12 + size
        if kind == b'acTL':
            is_animated = True
        elif kind == b'fcTL' and len(data) == 26:
            frames.append((Control(*struct.unpack('>IIIIIHHBB', data)), b''))
        elif kind in (b'IDAT', b'fdAT') and frames:
            data = data[4:] if kind == b'fdAT' else data
            frames[-1] = frames[-1][0], frames[-1][1] + data
    return content[:33], frames if is_animated else []


def _straight(canvas: NDArray[Any]) -> NDArray[Any]:
    """Undo the premultiplication by alpha."""
    alpha = np.maximum(canvas[..., 3:], 1e-9)
    parts: list[NDArray[Any]] = [canvas[..., :3] / alpha, canvas[..., 3:]]
    straight: NDArray[Any] = 255 * np.concatenate(parts, -1)
    return straight
