# Copyright (c) DKSAN-MM contributors.
"""Files of a clip: header, size and content."""
import struct
from pathlib import Path

import pytest

from dksan_mm.io.stores.clip_file import ClipFile
from dksan_mm.io.stores.stores import (KINDS, open_store, store_path,
                                       write_store)


@pytest.fixture(params=list(KINDS))
def suffix(request):
    return request.param


@pytest.mark.parametrize('frame, box', [(4, None), (-1, None),
                                        (0, (0, 0, 101, 140)),
                                        (0, (-1, 0, 10, 10)),
                                        (0, (0, 130, 10, 11))])
def test_what_lies_outside_is_refused(folder, suffix, frame, box):
    write_store(folder, suffix)
    with open_store(store_path(folder, suffix)) as array:
        with pytest.raises(ValueError, match='frame .* not within'):
            array.read(frame, box)


def cut(content):
    return content[:-1]


def longer(content):
    return content + b'x'


def other_type(content):
    return content.replace(b"'|u1'", b"'|i1'")


def other_shape(content):
    return content.replace(b', 3)', b', 4)')


NPY, TILES = ('.npy', 'not an array'), ('.tiles', 'not a file')


@pytest.mark.parametrize('form, damage, reason', [
    (NPY, lambda content: b'', ''),
    (NPY, lambda content: b'no array at all', 'no .npy file'),
    (NPY, lambda content: content[:60], ''),
    (NPY, other_type, 'type .i1, shape'),
    (NPY, other_shape, 'shape'),
    (NPY, lambda c: c[:8] + struct.pack('<H', 3) + c[10:], ''),
    (TILES, lambda content: b'', 'its header is wrong'),
    (TILES, lambda content: b'no tiles at all' * 9, 'its header is wrong'),
    (TILES, lambda content: content[:9], 'its header is wrong'),
    (TILES, lambda content: content[:30], 'cut short'),
    (TILES, lambda content: content[:12] + bytes(4) + content[16:],
     'it has no frames'),
    *[(form, damage, 'bytes, its header says') for form in (NPY, TILES)
      for damage in (cut, longer)],
])
def test_damaged_files_are_named(folder, form, damage, reason):
    suffix, said = form
    write_store(folder, suffix)
    path = Path(store_path(folder, suffix))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f'c{suffix}: {said}.*{reason}'):
        open_store(str(path))


def test_a_file_is_closed_with_its_block(folder, suffix):
    write_store(folder, suffix)
    with open_store(store_path(folder, suffix)) as store:
        assert isinstance(store, ClipFile) and len(store) == 4
        assert store.read(0).shape == (100, 140, 3)
    with pytest.raises((OSError, ValueError)):
        store.read(0)


def test_a_file_that_is_not_there(tmp_path, suffix):
    with pytest.raises(FileNotFoundError):
        open_store(str(tmp_path / f'a{suffix}'))
