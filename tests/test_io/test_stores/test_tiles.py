# Copyright (c) DKSAN-MM contributors.
"""Losslessly coded tiles."""
import struct
from pathlib import Path

import pytest

from dksan_mm.io.stores.stores import open_store, store_path, write_store


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
