# Copyright (c) DKSAN-MM contributors.
"""Animated AVIF files, of which FFmpeg drops the alpha."""
from collections.abc import Iterator
from typing import Any

import numpy as np

from dksan_mm.io.image_headers import name_unconverted, read_avif_colours
from dksan_mm.io.images import need_image_packages
from .animations import DEFAULT, Animation, Shown

_HEAD = 2**16  # bytes in which the colours are described


class Avif(Animation):
    """An AVIF file with several frames, decoded by libavif.

    Args:
        path (str): Path of the file.

    Raises:
        ValueError: If it cannot be decoded; names the path.
    """

    def __init__(self, path: str) -> None:
        need_image_packages(path)
        self.path = path
        with open(path, 'rb') as file:
            phrases = name_unconverted(read_avif_colours(file.read(_HEAD)))
        self.notes = [f'{path}: {phrase}' for phrase in phrases]
        self.durations = []
        try:
            for _, duration in self:  # known once a frame is decoded
                self.durations.append(duration)
        except ValueError:  # raised again when the frames are used
            if not self.durations:
                raise

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


def open_avif(path: str) -> Avif | None:
    """Open an animated AVIF file.

    Args:
        path (str): Path of any file.

    Returns:
        Avif | None: None for any other file, or one that cannot be opened.

    Raises:
        ValueError: If it cannot be decoded; names the path.
    """
    try:
        with open(path, 'rb') as file:
            is_avif = file.read(12)[4:] == b'ftypavis'
    except OSError:
        return None
    return Avif(path) if is_avif else None
