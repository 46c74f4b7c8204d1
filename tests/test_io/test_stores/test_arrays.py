# Copyright (c) DKSAN-MM contributors.
"""Arrays of frames, which numpy can read as well."""
import io
import os
from pathlib import Path

import numpy as np
import pytest

from dksan_mm.io.stores.arrays import FrameArray, write_array
from dksan_mm.io.stores.stores import open_store, store_path, write_store
from dksan_mm.utils.process_memory import resident_memory


def test_numpy_reads_the_pixels_as_rgb(folder, frames):
    write_store(folder, '.npy')
    array = np.load(store_path(folder, '.npy'), mmap_mode='r')
    np.testing.assert_array_equal(array, np.stack(frames)[..., ::-1])
    assert array.dtype == np.uint8


def test_memory_does_not_grow_with_what_was_read(folder, frames):
    write_store(folder, '.npy')
    path = Path(store_path(folder, '.npy'))
    large = np.lib.format.open_memmap(path, 'w+', np.uint8,
                                      (60, 720, 1280, 3))  # 166 MB
    large[::7] = 1
    del large

    with open_store(str(path)) as array:
        array.read(0)
        before = resident_memory()
        for frame in range(60):
            array.read(frame)
    assert resident_memory() - before < 8e6


def test_an_array_is_written_as_numpy_would(frames):
    file, wanted = io.BytesIO(), io.BytesIO()
    write_array(file, map(np.ascontiguousarray, frames), len(frames))
    np.lib.format.write_array(wanted, np.stack(frames), (1, 0))
    assert file.getvalue() == wanted.getvalue()


def test_an_array_knows_its_shape_and_its_end(folder):
    write_store(folder, '.npy')
    with FrameArray(store_path(folder, '.npy')) as array:
        assert array.shape == (4, 100, 140, 3) and len(array) == 4
        os.truncate(array.path, 200)
        with pytest.raises(
                ValueError, match='damaged in frame 3 .it is cut short'):
            array.read(3)
