# Copyright (c) DKSAN-MM contributors.
"""Clips as losslessly coded tiles: ``{clip}.tiles`` next to ``{clip}/``.

They are smaller than the PNG frames, and only the tiles of a crop are decoded.
See :mod:`dksan_mm.io.stores.stores` for measurements.

A file holds ``DKTILES2``; t, h, w and the tile size (uint32); the offset of
each tile and of the end (uint64), tiles ordered by frame, row and column; and
the tiles. Frames are padded with copies of their last row and column. All
numbers are little-endian.

A tile is a raw deflate stream of the planes R - G, G and B - G, modulo 256.
From each row of a plane but the first, the row above is subtracted, 8 bytes at
a time as one number: numpy sums these 8 times as fast as bytes, for 3 % more
coded bytes.

Library formats lose more than a third on some count, for crops of 512 from
five clips: tiled TIFF (tifffile with zlib) takes twice the read time, zarr 1.5
times the time and 1.6 times the disk space (zlib), or the same time and 1.7
times the disk space (Blosc with zstd). LMDB would hold the same tiles in a
fifth more disk space. tifffile with imagecodecs is 1.4 times as fast for 1.2
times the disk space, and adds 80 MB of libraries.
"""
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip_file import Box, ClipFile

MAGIC = b'DKTILES2'
HEADER = struct.Struct('<8s4I')
TILE = 112  # 64 to 128 are equally fast for crops of 512
LEVEL = 3  # higher levels save 5 % of the disk space and read more slowly
WORD = np.dtype('<u8')


class TileFile(ClipFile):
    """Tiles of a clip; only those that a crop overlaps are decoded."""

    CONTENT = 'a file of tiles'
    STORE = 'tiles'

    def _read_header(self) -> tuple[int, int, int, int]:
        start = self._file.read(HEADER.size)
        if len(start) < HEADER.size or start[:8] != MAGIC:
            raise ValueError('its header is wrong')
        _, count, height, width, self.tile = HEADER.unpack(start)
        if not all((count, height, width, self.tile)):
            raise ValueError('it has no frames')
        if self.tile % WORD.itemsize:
            raise ValueError(f'tiles of {self.tile}')
        self.grid = _grid(height, width, self.tile)
        tiles = count * self.grid[0] * self.grid[1]
        end = self._read_bytes(8, HEADER.size + 8 * tiles)
        self._check_size(int.from_bytes(end, 'little'))
        return count, height, width, 3

    def _read_crop(self, frame: int, box: Box) -> NDArray[Any]:
        top, left, height, width = box
        out = np.empty((height, width, 3), np.uint8)
        tile = self.tile
        columns = range(left // tile, (left + width - 1) // tile + 1)
        start = left - columns[0] * tile
        for row in range(top // tile, (top + height - 1) // tile + 1):
            first = max(top - row * tile, 0)
            last = min(top + height - row * tile, tile)
            planes = decode_tiles(
                self._read_row(frame, row, columns), tile, last)
            planes = planes[:, first:, start:start + width]
            at = row * tile + first - top
            out[at:at + last - first] = cv2.merge(list(planes))
        return out

    def _read_row(self, frame: int, row: int, columns: range) -> list[bytes]:
        """Read the coded tiles of adjacent columns in one call."""
        rows, per_row = self.grid
        first = (frame * rows + row) * per_row + columns[0]
        index = self._read_bytes(8 * (len(columns) + 1),
                                 HEADER.size + 8 * first)
        offsets = np.frombuffer(index, '<u8').astype(np.int64)
        if (np.diff(offsets) <= 0).any():
            raise ValueError('its offsets are not in order')
        content = self._read_bytes(
            int(offsets[-1] - offsets[0]), int(offsets[0]))
        offsets = (offsets - offsets[0]).tolist()
        return [content[a:b] for a, b in zip(offsets, offsets[1:])]


def _grid(height: int, width: int, tile: int) -> tuple[int, int]:
    """Return the numbers of tile rows and tile columns."""
    return -(-height // tile), -(-width // tile)


def encode_tile(image: NDArray[Any]) -> bytes:
    """Code one tile.

    Args:
        image (np.ndarray): ``(tile, tile, 3)``, uint8, RGB, where ``tile`` is
            a multiple of 8.
    """
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    planes[::2] -= planes[1]
    words = planes.view(WORD)
    words[:, 1:] -= words[:, :-1].copy()
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return compressor.compress(words.tobytes()) + compressor.flush()


def decode_tiles(coded: list[bytes], tile: int, rows: int) -> NDArray[Any]:
    """Decode the upper rows of adjacent tiles.

    Args:
        coded (list[bytes]): Coded tiles from left to right.
        tile (int): Tile size in pixels.
        rows (int): Number of rows to decode.

    Returns:
        np.ndarray: Planes R, G and B, ``(3, rows, tile * len(coded))``,
        uint8.

    Raises:
        ValueError: If a tile is damaged.
    """
    content = b''.join(_inflate(each, 3 * tile * tile) for each in coded)
    words = np.frombuffer(content, WORD).reshape(len(coded), 3, tile, -1)
    words = np.add.accumulate(words[:, :, :rows], axis=2)
    planes = words.transpose(1, 2, 0, 3).reshape(3, rows, -1).view(np.uint8)
    planes[::2] += planes[1]
    return planes


def _inflate(coded: bytes, size: int) -> bytes:
    try:
        content = zlib.decompress(coded, -zlib.MAX_WBITS, size)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) != size:
        raise ValueError(f'a tile of {len(content)} bytes, not {size}')
    return content


def write_tiles(file: BinaryIO, frames: Iterator[NDArray[Any]],
                count: int) -> None:
    """Write a clip as a ``.tiles`` file.

    Args:
        file (BinaryIO): File open for writing.
        frames (Iterator[np.ndarray]): Frames, ``(h, w, 3)``, uint8, RGB, all
            of one size.
        count (int): Number of frames.
    """
    offsets: list[int] = []
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        if number == 0:
            file.write(HEADER.pack(MAGIC, count, height, width, TILE))
            rows, per_row = _grid(height, width, TILE)
            file.seek(8 * (count * rows * per_row + 1), os.SEEK_CUR)
        frame = cv2.copyMakeBorder(frame, 0, rows * TILE - height, 0,
                                   per_row * TILE - width,
                                   cv2.BORDER_REPLICATE)
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                offsets.append(file.tell())
                file.write(
                    encode_tile(frame[top:top + TILE, left:left + TILE]))
    offsets.append(file.tell())
    file.seek(HEADER.size)
    file.write(np.array(offsets, '<u8').tobytes())
