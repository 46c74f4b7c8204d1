# Copyright (c) DKSAN-MM contributors.
"""Clips as losslessly coded tiles: ``{clip}.tiles`` beside ``{clip}/``.

Smaller than the PNG frames, and a crop costs what its tiles cost to decode.
See :mod:`dksan_mm.prepare.stores` for the measurements.

A file holds ``DKTILES2``; t, h, w and the tiles' side (uint32); the offset of
each tile and of the end (uint64), tiles ordered by frame, row and column; the
tiles, those at the right and bottom smaller. All numbers are little-endian.

A tile is a raw deflate stream of the planes R - G, G and B - G, modulo 256,
their rows filled up with zeros to a multiple of 8 bytes. Of each row but a
plane's first, the row above is subtracted, 8 bytes at a time as one number:
numpy sums these 8 times as fast as bytes, for 3 % more bytes coded.
"""
import os
import struct
import zlib
from typing import BinaryIO, Iterator, List, Tuple

import cv2
import numpy as np

from .clip_files import Box, ClipFile

MAGIC = b'DKTILES2'
HEADER = struct.Struct('<8s4I')
TILE = 112  # of 48 to 128, the quickest to read a crop of 512 from
LEVEL = 3  # higher ones save 5 % of the disk and are slower to read
WORD = np.dtype('<u8')


class TileFile(ClipFile):
    """A clip's tiles; those are decoded that a crop touches."""

    CONTENT = 'a file of tiles'
    STORE = 'tiles'

    def _read_header(self) -> Tuple[int, int, int, int]:
        start = self._file.read(HEADER.size)
        if len(start) < HEADER.size or start[:8] != MAGIC:
            raise ValueError('it begins otherwise')
        _, count, height, width, self.tile = HEADER.unpack(start)
        if not (count and height and width and self.tile):
            raise ValueError('it says that it is empty')
        self.grid = _grid(height, width, self.tile)
        tiles = count * self.grid[0] * self.grid[1]
        end = self._read_bytes(8, HEADER.size + 8 * tiles)
        self._check_size(int.from_bytes(end, 'little'))
        return count, height, width, 3

    def _read_crop(self, frame: int, box: Box) -> np.ndarray:
        top, left, height, width = box
        out = np.empty((height, width, 3), np.uint8)
        tile = self.tile
        last_row = (top + height - 1) // tile
        columns = range(left // tile, (left + width - 1) // tile + 1)
        for row in range(top // tile, last_row + 1):
            coded = self._read_row(frame, row, columns)
            for column, content in zip(columns, coded):
                _paste(out, (row * tile - top, column * tile - left),
                       decode_tile(content, self._tile_size(row, column)))
        return out

    def _read_row(self, frame: int, row: int, columns: range) -> List[bytes]:
        """Coded tiles that lie beside each other, in one read."""
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

    def _tile_size(self, row: int, column: int) -> Tuple[int, int]:
        _, height, width, _ = self.shape
        return (min(self.tile, height - row * self.tile),
                min(self.tile, width - column * self.tile))


def _grid(height: int, width: int, tile: int) -> Tuple[int, int]:
    """Tiles below and beside each other."""
    return -(-height // tile), -(-width // tile)


def _paste(out: np.ndarray, at: Tuple[int, int], image: np.ndarray) -> None:
    """Copy the part of a tile that lies on ``out``."""
    top, left = at
    bottom, right = (min(at[i] + image.shape[i], out.shape[i]) for i in (0, 1))
    y, x = max(top, 0), max(left, 0)
    out[y:bottom, x:right] = image[y - top:bottom - top, x - left:right - left]


def encode_tile(image: np.ndarray) -> bytes:
    height, width = image.shape[:2]
    planes = np.zeros((3, height, _padded(width)), np.uint8)
    planes[..., :width] = image.transpose(2, 0, 1)
    planes[::2] -= planes[1]
    words = planes.view(WORD)
    words[:, 1:] -= words[:, :-1].copy()
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return compressor.compress(words.tobytes()) + compressor.flush()


def decode_tile(content: bytes, size: Tuple[int, int]) -> np.ndarray:
    height, width = size
    count = 3 * height * _padded(width)
    try:
        content = zlib.decompress(content, -zlib.MAX_WBITS, count)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(content) != count:
        raise ValueError(f'a tile of {len(content)} bytes, not {count}')
    words = np.frombuffer(content, WORD).reshape(3, height, -1)
    planes = np.add.accumulate(words, axis=1).view(np.uint8)
    planes[::2] += planes[1]
    return cv2.merge(list(planes))[:, :width]


def _padded(width: int) -> int:
    return -(-width // WORD.itemsize) * WORD.itemsize


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
                file.write(
                    encode_tile(frame[top:top + TILE, left:left + TILE]))
    offsets.append(file.tell())
    file.seek(HEADER.size)
    file.write(np.array(offsets, '<u8').tobytes())
