# Copyright (c) DKSAN-MM contributors.
"""Clips as losslessly coded tiles: ``{clip}.tiles`` beside ``{clip}/``.

A quarter of an array's size, and a crop costs what its tiles cost to decode.
The tiles are QOI images (Szablewski, qoiformat.org): of the lossless codecs in
PyAV the quickest. See :mod:`dksan_mm.prepare.stores` for the measurements.

A file holds ``DKTILES1``; t, h, w and the tiles' height and width (uint32);
the offset of each tile and of the end (uint64), tiles ordered by frame, row
and column; the tiles. Numbers are little-endian.
"""
import os
import struct
from fractions import Fraction
from functools import lru_cache
from typing import BinaryIO, Iterator, List, Optional, Tuple

import av
import numpy as np

from .arrays import Box, check_box

MAGIC = b'DKTILES1'
HEADER = struct.Struct('<8s4I')
# 64 reads as quick and takes as much, but needs 4 times the calls.
TILE = 128


class TileFile:
    """A clip's tiles, open for reading; as
    :class:`dksan_mm.prepare.arrays.FrameArray`.

    Args:
        path (str): The ``.tiles`` file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or of another kind; names the path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, 'rb', buffering=0)
        try:
            self._read_header()
        except ValueError as error:
            self._file.close()
            raise ValueError(
                f'{path}: not a file of tiles ({error}); delete it, '
                'tools/prepare_data.py --store tiles makes it again'
            ) from error

    def __enter__(self) -> 'TileFile':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self.shape[0]

    def _read_header(self) -> None:
        start = self._file.read(HEADER.size)
        if len(start) < HEADER.size or start[:8] != MAGIC:
            raise ValueError('it begins otherwise')
        _, count, height, width, self.tile = HEADER.unpack(start)
        if not (count and height and width and self.tile):
            raise ValueError('it says that it is empty')
        self.shape = count, height, width, 3
        self.grid = _grid(height, width, self.tile)
        tiles = count * self.grid[0] * self.grid[1]
        end = self._pread(8, HEADER.size + 8 * tiles)
        size = os.fstat(self._file.fileno()).st_size
        if int.from_bytes(end, 'little') != size:
            raise ValueError(f'{size} bytes, its header says otherwise')

    def _pread(self, count: int, offset: int) -> bytes:
        content = os.pread(self._file.fileno(), count, offset)
        if len(content) != count:
            raise ValueError('it is cut short')
        return content

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
            ValueError: If the frame or the box is not within the clip, or
                the tiles are damaged; names the path.
        """
        top, left, height, width = check_box(self.path, self.shape, frame, box)
        out = np.empty((height, width, 3), np.uint8)
        tile = self.tile
        last_row = (top + height - 1) // tile
        columns = range(left // tile, (left + width - 1) // tile + 1)
        try:
            for row in range(top // tile, last_row + 1):
                for column, content in zip(columns,
                                           self._row(frame, row, columns)):
                    _paste(out, (row * tile - top, column * tile - left),
                           self._decode(content, row, column))
        except (ValueError, av.FFmpegError) as error:
            raise ValueError(f'{self.path}: damaged in frame {frame} '
                             f'({error})') from error
        return out

    def _row(self, frame: int, row: int, columns: range) -> List[bytes]:
        """Coded tiles that lie beside each other, in one read."""
        rows, per_row = self.grid
        first = (frame * rows + row) * per_row + columns[0]
        index = self._pread(8 * (len(columns) + 1), HEADER.size + 8 * first)
        offsets = np.frombuffer(index, '<u8').astype(np.int64)
        if (np.diff(offsets) <= 0).any():
            raise ValueError('its offsets are not in order')
        content = self._pread(int(offsets[-1] - offsets[0]), int(offsets[0]))
        offsets = (offsets - offsets[0]).tolist()
        return [content[a:b] for a, b in zip(offsets, offsets[1:])]

    def _decode(self, content: bytes, row: int, column: int) -> np.ndarray:
        _, height, width, _ = self.shape
        size = (min(self.tile, height - row * self.tile),
                min(self.tile, width - column * self.tile))
        frames = _decoder(os.getpid()).decode(av.Packet(content))
        if not frames or (frames[0].height, frames[0].width) != size:
            raise ValueError(f'tile {row}, {column} is not whole')
        # Quicker than to_ndarray, which copies; the caller copies anyway.
        plane = frames[0].planes[0]
        image = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return image[:size[0], :3 * size[1]].reshape(*size, 3)


def _grid(height: int, width: int, tile: int) -> Tuple[int, int]:
    """Tiles below and beside each other."""
    return -(-height // tile), -(-width // tile)


def _paste(out: np.ndarray, at: Tuple[int, int], image: np.ndarray) -> None:
    """Copy the part of a tile that lies on ``out``."""
    top, left = at
    bottom, right = (min(at[i] + image.shape[i], out.shape[i]) for i in (0, 1))
    y, x = max(top, 0), max(left, 0)
    out[y:bottom, x:right] = image[y - top:bottom - top, x - left:right - left]


@lru_cache(maxsize=1)
def _decoder(process: int) -> av.CodecContext:
    """One decoder a process: opening one costs more than a tile."""
    decoder = av.CodecContext.create('qoi', 'r')
    decoder.thread_count = 1
    return decoder


def _encode(image: np.ndarray) -> bytes:
    height, width = image.shape[:2]
    encoder = av.CodecContext.create('qoi', 'w')
    encoder.width, encoder.height, encoder.pix_fmt = width, height, 'rgb24'
    encoder.time_base, encoder.thread_count = Fraction(1), 1
    frame = av.VideoFrame.from_ndarray(
        np.ascontiguousarray(image), format='rgb24')
    packets = encoder.encode(frame) + encoder.encode(None)
    return b''.join(map(bytes, packets))


def write_tiles(file: BinaryIO, frames: Iterator[np.ndarray],
                count: int) -> None:
    """Write a clip as a ``.tiles`` file.

    Args:
        file (BinaryIO): Open for writing.
        frames (Iterator[np.ndarray]): ``(h, w, 3)``, uint8, RGB, all of one
            size.
        count (int): How many there are.
    """
    offsets: List[int] = []
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        if number == 0:
            file.write(HEADER.pack(MAGIC, count, height, width, TILE))
            rows, per_row = _grid(height, width, TILE)
            file.seek(8 * (count * rows * per_row + 1), os.SEEK_CUR)
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                offsets.append(file.tell())
                file.write(_encode(frame[top:top + TILE, left:left + TILE]))
    offsets.append(file.tell())
    file.seek(HEADER.size)
    file.write(np.array(offsets, '<u8').tobytes())
