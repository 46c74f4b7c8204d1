# Copyright (c) DKSAN-MM contributors.
"""Clips as pixel arrays: ``{clip}.npy`` next to the folder ``{clip}/``.

uint8, ``(t, h, w, 3)``, RGB, readable by ``numpy.load``. See
:mod:`dksan_mm.io.stores.stores` for when to use them.
"""
import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .clip_file import Box, ClipFile


class FrameArray(ClipFile):
    """A clip's array; a crop is read as full rows."""

    CONTENT = 'an array of frames'
    STORE = 'array'

    def _read_header(self) -> tuple[int, int, int, int]:
        start = self._file.read(10)
        if len(start) < 10 or start[:8] != npy.magic(1, 0):
            raise ValueError('no .npy file of version 1.0')
        shape = _parse_header(self._file.read(start[8] + 256 * start[9]))
        self._start = self._file.tell()
        self._check_size(self._start + int(np.prod(shape, dtype=np.int64)))
        return shape

    def _read_crop(self, frame: int, box: Box) -> NDArray[Any]:
        top, left, height, width = box
        _, full_height, full_width, _ = self.shape
        rows = np.empty((height, full_width, 3), np.uint8)
        start = (frame * full_height + top) * full_width * 3
        read = os.preadv(self._file.fileno(), [rows.data], self._start + start)
        if read != rows.nbytes:
            raise ValueError('it is cut short')
        if width == full_width:
            return rows
        return np.ascontiguousarray(rows[:, left:left + width])


@lru_cache(maxsize=256)
def _parse_header(text: bytes) -> tuple[int, int, int, int]:
    """Parse the shape in an ``.npy`` header. Cached: parsing is slower than
    reading, and clips of equal size and length share a header."""
    header = ast.literal_eval(text.decode('latin1'))
    kind = header['descr'], header['fortran_order']
    shape: tuple[int, int, int, int] = header['shape']
    if kind != ('|u1', False) or len(shape) != 4 or shape[3] != 3:
        raise ValueError(f'type {kind[0]}, shape {shape}')
    return shape


def write_array(file: BinaryIO, frames: Iterator[NDArray[Any]],
                count: int) -> None:
    """Write a clip as an ``.npy`` file.

    Args:
        file (BinaryIO): File open for writing.
        frames (Iterator[np.ndarray]): Frames, ``(h, w, 3)``, uint8, RGB, all
            of one size.
        count (int): Number of frames.
    """
    for number, frame in enumerate(frames):
        if number == 0:
            header = dict(
                descr='|u1', fortran_order=False, shape=(count, *frame.shape))
            npy.write_array_header_1_0(file, header)
        file.write(frame.data)
