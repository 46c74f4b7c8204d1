# Copyright (c) DKSAN-MM contributors.
"""Animated AVIF files, of which FFmpeg drops the alpha."""
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from dksan_mm.io.image_headers import name_unconverted, read_avif_colours
from dksan_mm.io.images import need_image_packages
from .animations import DEFAULT, Animation, Shown

MAX_FRAMES = 2**20  # a table that states more is damaged


class Avif(Animation):
    """An AVIF file with several frames, decoded by libavif.

    Args:
        path (str): Path of the file.
    """

    def __init__(self, path: str) -> None:
        need_image_packages(path)
        self.path = path
        with open(path, 'rb') as file:
            content = file.read()
        phrases = name_unconverted(read_avif_colours(content))
        self.notes = [f'{path}: {phrase}' for phrase in phrases]
        self.durations = _read_durations(content)

    def __iter__(self) -> Iterator[Shown]:
        from PIL import Image, UnidentifiedImageError
        number = 0
        try:
            with Image.open(self.path, formats=('AVIF', )) as opened:
                image: Any = opened  # n_frames is not in Pillow's types
                for number in range(image.n_frames):
                    image.seek(number)
                    pixels = np.array(image.convert('RGBA'))
                    yield pixels, image.info.get('duration') or DEFAULT
        except UnidentifiedImageError as error:
            raise ValueError(f'{self.path}: not an AVIF file that can be '
                             'decoded: damaged, or cut short') from error
        except (OSError, EOFError, ValueError, RuntimeError) as error:
            raise ValueError(f'{self.path}: cannot be decoded from frame '
                             f'{number} on ({error})') from error


def _read_durations(content: bytes) -> list[int]:
    """Read the durations of the frames, in milliseconds, from their table.

    Returns:
        list[int]: Durations as Pillow rounds them; none if the file is
        damaged.
    """
    head, table = content.find(b'mdhd') + 4, content.find(b'stts') + 4
    scale_place = head + (20 if content[head:head + 1] == b'\1' else 12)
    durations: list[int] = []
    try:
        scale, = struct.unpack_from('>I', content, scale_place)
        count, = struct.unpack_from('>I', content, table + 4)
        for number in range(count):
            frames, ticks = struct.unpack_from('>II', content,
                                               table + 8 + 8 * number)
            durations += [round(1000 * ticks / scale) or DEFAULT] * min(
                frames, MAX_FRAMES)
    except (struct.error, ZeroDivisionError):
        return []
    return durations


def open_avif(path: str) -> Avif | None:
    """Open an animated AVIF file.

    Args:
        path (str): Path of any file.

    Returns:
        Avif | None: None for any other file, or one that cannot be opened.
    """
    try:
        with open(path, 'rb') as file:
            is_avif = file.read(12)[4:] == b'ftypavis'
    except OSError:
        return None
    return Avif(path) if is_avif else None
