# Copyright (c) DKSAN-MM contributors.
"""16-bit TIFF files whose channels OpenCV cannot read together.

A second directory is appended to the file, which describes its strips or
tiles as a grey image. OpenCV then decompresses them.
"""
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# TIFF tags.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, CHANNELS, ROWS, SIZES = 273, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT = 284, 317, 322, 323
TILE_OFFSETS, TILE_SIZES = 324, 325
APART = 2  # of PLANAR
DIFFERENCES = 2  # of PREDICTOR
WITH_PREDICTOR = (5, 8, 32946)  # LZW and Deflate, of COMPRESSION
CLASSIC = (b'II*\0', b'MM\0*')  # starts of files that are no BigTIFF files
_LONG = 4  # type of a number of 32 bits

Tags = Mapping[int, Any]
Read = Callable[[bytes], NDArray[Any]]


def read_planes(content: bytes, tags: Tags, read: Read) -> NDArray[Any]:
    """Read an image whose channels are stored one after the other.

    Args:
        content (bytes): Content of the file.
        tags (Mapping[int, Any]): Its tags.
        read (Callable): Decodes a grey TIFF file to uint16, (h, w).

    Returns:
        ndarray[uint16, h, w, c]: Stored values.

    Raises:
        ValueError: If it is a BigTIFF file.
    """
    count = tags[CHANNELS]
    planes = []
    for number in range(count):
        grey = _describe_grey(tags)
        for tag in (OFFSETS, SIZES, TILE_OFFSETS, TILE_SIZES):
            if tag in grey:
                length = len(grey[tag]) // count
                grey[tag] = grey[tag][number * length:(number + 1) * length]
        planes.append(read(_with_directory(content, grey)))
    return np.stack(planes, -1)


def read_pairs(content: bytes, tags: Tags, read: Read) -> NDArray[Any]:
    """Read an image of grey and alpha, which are stored in turn.

    Arguments and errors are those of :func:`read_planes`.

    Returns:
        ndarray[uint16, h, w, 2]: Stored values.
    """
    wide = _describe_grey(tags)
    for tag in (WIDTH, TILE_WIDTH):
        if tag in wide:
            wide[tag] = [2 * wide[tag][0]]
    wide[PREDICTOR] = [1]
    values = read(_with_directory(content, wide))
    pairs = values.reshape(len(values), -1, 2)
    if tags.get(PREDICTOR) == DIFFERENCES and \
            tags.get(COMPRESSION) in WITH_PREDICTOR:  # restart in each tile
        step = tags.get(TILE_WIDTH, pairs.shape[1])
        for start in range(0, pairs.shape[1], step):
            tile = pairs[:, start:start + step]
            tile[:] = np.cumsum(tile, axis=1, dtype=np.uint16)
    return pairs


def _describe_grey(tags: Tags) -> dict[int, Sequence[int]]:
    """Return the tags of a 16-bit grey image with the same strips."""
    kept = (WIDTH, HEIGHT, COMPRESSION, OFFSETS, ROWS, SIZES, PREDICTOR,
            TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES)
    grey: dict[int, Sequence[int]] = {BITS: [16], PHOTOMETRIC: [1]}
    grey |= {CHANNELS: [1], PLANAR: [1]}
    for tag in kept:
        if tag in tags:
            value = tags[tag]
            grey[tag] = value if isinstance(value, tuple) else [value]
    return grey


def _with_directory(content: bytes, tags: dict[int, Sequence[int]]) -> bytes:
    """Append a directory to a TIFF file and make it the first one."""
    if content[:4] not in CLASSIC:
        raise ValueError('a BigTIFF file with channels that are stored apart, '
                         'or with alpha; save it as PNG')
    order = '<' if content[:2] == b'II' else '>'
    start = len(content) + len(content) % 2
    rest, place = b'', start + 2 + 12 * len(tags) + 4
    entries = struct.pack(order + 'H', len(tags))
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f'{order}{len(numbers)}I', *numbers)
        if len(numbers) > 1:
            rest, packed = rest + packed, struct.pack(order + 'I',
                                                      place + len(rest))
        entries += struct.pack(order + 'HHI', tag, _LONG,
                               len(numbers)) + packed
    head = content[:4] + struct.pack(order + 'I', start)
    return head + content[8:].ljust(start - 8,
                                    b'\0') + entries + bytes(4) + rest
