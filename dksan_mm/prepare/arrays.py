# Copyright (c) DKSAN-MM contributors.
"""Clips as arrays of pixels: ``{clip}.npy`` beside the folder ``{clip}/``.

uint8, ``(t, h, w, 3)``, RGB; ``numpy.load`` reads it, too. See
:mod:`dksan_mm.prepare.stores` for what it is good for.

Rows are read, not mapped: as quick, the process's memory does not grow with
what it has touched, and a file that was cut short is an error instead of the
end of the process.
"""
import ast
import os
from functools import lru_cache
from typing import BinaryIO, Iterator, Optional, Tuple

import numpy as np
from numpy.lib import format as npy

# Rows and columns of a crop: top, left, height, width.
Box = Tuple[int, int, int, int]


def check_box(path: str, shape: Tuple[int, ...], frame: int,
              box: Optional[Box]) -> Box:
    """The box, or that of a whole frame.

    Args:
        path (str): The file, for the error message.
        shape (tuple[int]): ``(t, h, w, 3)`` of its clip.
        frame (int): Index in the clip.
        box (tuple[int, int, int, int] | None): Top, left, height and width.

    Raises:
        ValueError: If frame or box are not within the shape; names all.
    """
    count, full_height, full_width, _ = shape
    top, left, height, width = box or (0, 0, full_height, full_width)
    if not (0 <= frame < count and 0 <= top <= top + height <= full_height
            and 0 <= left <= left + width <= full_width):
        raise ValueError(f'{path}: frame {frame}, box {box} is not within the '
                         f'shape {shape}')
    return top, left, height, width


class FrameArray:
    """A clip's array, open for reading; a context manager.

    Args:
        path (str): The ``.npy`` file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or of another kind; names the path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, 'rb', buffering=0)
        try:
            self.shape = self._read_shape()
        except Exception as error:  # a damaged header raises many kinds
            self._file.close()
            raise ValueError(
                f'{path}: not an array of frames ({error}); delete it, '
                'tools/prepare_data.py --store array makes it again'
            ) from error

    def __enter__(self) -> 'FrameArray':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self.shape[0]

    def _read_shape(self) -> Tuple[int, int, int, int]:
        """Shape ``(t, h, w, 3)``, once the header and the size are checked."""
        start = self._file.read(10)
        if len(start) < 10 or start[:8] != npy.magic(1, 0):
            raise ValueError('no .npy file of version 1.0')
        shape = _parse_header(self._file.read(start[8] + 256 * start[9]))
        self._start = self._file.tell()
        wanted = self._start + int(np.prod(shape, dtype=np.int64))
        size = os.fstat(self._file.fileno()).st_size
        if size != wanted:
            raise ValueError(f'{size} bytes, its header says {wanted}')
        return shape

    def read(self, frame: int, box: Optional[Box] = None) -> np.ndarray:
        """Read one frame or a crop of it.

        Args:
            frame (int): Index in the clip.
            box (tuple[int, int, int, int] | None): Top, left, height and
                width; the whole frame by default.

        Returns:
            np.ndarray: ``(height, width, 3)``, uint8, RGB, an array of its
            own.

        Raises:
            ValueError: If the frame or the box is not within the array.
        """
        box = check_box(self.path, self.shape, frame, box)
        top, left, height, width = box
        _, full_height, full_width, _ = self.shape
        rows = np.empty((height, full_width, 3), np.uint8)
        self._file.seek(self._start +
                        (frame * full_height + top) * full_width * 3)
        if self._file.readinto(rows.data) != rows.nbytes:
            raise ValueError(f'{self.path}: ends in frame {frame}')
        if width == full_width:
            return rows
        return np.ascontiguousarray(rows[:, left:left + width])


@lru_cache(maxsize=256)
def _parse_header(text: bytes) -> Tuple[int, int, int, int]:
    """Shape in an ``.npy`` header; parsing takes longer than reading, and
    clips of one size and length have one header."""
    header = ast.literal_eval(text.decode('latin1'))
    kind = header['descr'], header['fortran_order']
    shape = header['shape']
    if kind != ('|u1', False) or len(shape) != 4 or shape[3] != 3:
        raise ValueError(f'type {kind[0]}, shape {shape}')
    return shape


def write_array(file: BinaryIO, frames: Iterator[np.ndarray],
                count: int) -> None:
    """Write a clip as an ``.npy`` file.

    Args:
        file (BinaryIO): Open for writing.
        frames (Iterator[np.ndarray]): ``(h, w, 3)``, uint8, RGB, all of one
            size.
        count (int): How many there are.
    """
    for number, frame in enumerate(frames):
        if number == 0:
            header = dict(
                descr='|u1', fortran_order=False, shape=(count, *frame.shape))
            npy.write_array_header_1_0(file, header)
        file.write(frame.data)
