# Copyright (c) DKSAN-MM contributors.
"""Losslessly coded tiles."""
import io
import struct
from pathlib import Path

import numpy as np
import pytest

from dksan_mm.io.stores.stores import open_store, store_path, write_store
from dksan_mm.io.stores.tiles import (HEADER, MAGIC, TILE, decode_tiles,
                                      encode_tile, write_tiles)


@pytest.mark.parametrize('place, value, reason', [
    (24 + 8, b'\xff' * 8, 'not in order'),
    (24 + 8, b'\x00' * 8, 'not in order'),
    (24, struct.pack('<Q', 1 << 40), 'not in order'),
    (24 + 8 * 9, b'other', ''),
])
def test_tiles_that_are_damaged_inside_are_named(folder, place, value, reason):
    write_store(folder, '.tiles')  # 2 tiles a frame
    path = Path(store_path(folder, '.tiles'))
    content = bytearray(path.read_bytes())
    content[place:place + len(value)] = value
    path.write_bytes(content)
    with open_store(str(path)) as store:
        with pytest.raises(
                ValueError, match=f'c.tiles: damaged in frame 0 .*{reason}'):
            store.read(0)


@pytest.mark.parametrize('rows', [1, 9, 16])
def test_tiles_are_decoded_next_to_each_other(rows):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3),
                                               np.uint8)
    planes = decode_tiles([encode_tile(image) for image in images], 16, rows)
    wanted = np.concatenate(list(images), 1)[:rows].transpose(2, 0, 1)
    np.testing.assert_array_equal(planes, wanted)


@pytest.mark.parametrize('coded, said', [
    (b'no deflate', ''),
    (encode_tile(np.zeros((8, 8, 3), np.uint8)), 'a tile of 192 bytes, not'),
])
def test_damaged_tiles_are_refused(coded, said):
    with pytest.raises(ValueError, match=said):
        decode_tiles([coded], 16, 16)


def test_frames_are_filled_up_with_tiles():
    frames = np.random.default_rng(0).integers(0, 256,
                                               (2, TILE + 1, 2 * TILE, 3),
                                               np.uint8)
    file = io.BytesIO()
    write_tiles(file, iter(frames), 2)
    content = file.getvalue()
    assert HEADER.unpack_from(content) == (MAGIC, 2, TILE + 1, 2 * TILE, TILE)
    # 2 x 2 tiles a frame, and the end.
    offsets = np.frombuffer(content, '<u8', 9, HEADER.size)
    assert offsets[0] == HEADER.size + 9 * 8 and offsets[-1] == len(content)
    assert (np.diff(offsets.astype(int)) > 0).all()
