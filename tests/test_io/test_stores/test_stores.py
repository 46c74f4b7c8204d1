# Copyright (c) DKSAN-MM contributors.
"""Arrays and tiles contain the frames' pixels, or do not exist."""
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.io.files import END, reserve_file
from dksan_mm.io.images import write_png
from dksan_mm.io.stores.stores import (KINDS, open_store, remove_stores,
                                       store_path, write_store)
from dksan_mm.prepare.manifest import read_manifest, write_manifest
from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.sources import Clip
from dksan_mm.prepare.verify import find_prepared, verify_clip
from dksan_mm.prepare.writer import ClipWriter


@pytest.fixture(params=list(KINDS))
def suffix(request):
    return request.param


def test_a_file_stands_beside_the_folder(folder, suffix):
    seen = []
    entry = write_store(folder, suffix, lambda: seen.append(None))
    content = Path(folder + suffix).read_bytes()
    assert entry == dict(
        bytes=len(content), crc32=f'{zlib.crc32(content):08x}')
    assert len(seen) == 4
    assert sorted(os.listdir(
        Path(folder).parent)) == ['é b.c', 'é b.c' + suffix]


@pytest.mark.parametrize('box', [
    None, (0, 0, 100, 140), (0, 0, 1, 1), (99, 139, 1, 1), (16, 32, 64, 48),
    (90, 120, 10, 12), (0, 128, 5, 12), (3, 0, 20, 140)
])
def test_crops_are_those_of_the_frames(folder, frames, suffix, box):
    write_store(folder, suffix)
    top, left, height, width = box or (0, 0, 100, 140)
    with open_store(store_path(folder, suffix)) as array:
        for index in (3, 0):
            crop = array.read(index, box)
            wanted = frames[index][top:top + height, left:left + width, ::-1]
            np.testing.assert_array_equal(crop, wanted)
            assert crop.flags.c_contiguous and crop.flags.writeable


@pytest.mark.parametrize('harm, match', [
    (b'', '000009.png: empty file'),
    (b'text', '000009.png: not a readable image'),
    (None, "000009.png: is 5x4, the clip's first frame 140x100"),
])
def test_damaged_frames_are_named_and_leave_no_array(folder, suffix, harm,
                                                     match):
    bad = Path(folder) / '000009.png'
    if harm is None:
        write_png(str(bad), np.zeros((4, 5, 3), np.uint8))
    else:
        bad.write_bytes(harm)
    with pytest.raises(ValueError, match=match):
        write_store(folder, suffix)
    assert os.listdir(Path(folder).parent) == ['é b.c']


class Killed(BaseException):
    pass


def test_a_stop_leaves_no_array(folder, suffix):

    def stop():
        raise Killed

    with pytest.raises(Killed):
        write_store(folder, suffix, stop)
    assert os.listdir(Path(folder).parent) == ['é b.c']


def test_a_full_disk_is_named_and_leaves_no_array(folder, suffix, monkeypatch):

    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError) as error:
        write_store(folder, suffix)
    assert error.value.filename == store_path(folder, suffix)
    assert os.listdir(Path(folder).parent) == ['é b.c']


def test_a_clip_named_like_an_array_is_not_touched(tmp_path, frames):
    write_frames(tmp_path / 'a', frames[:1])
    write_frames(tmp_path / 'a.npy', frames[:1])
    with pytest.raises(ValueError, match='a.npy: is a folder'):
        write_store(str(tmp_path / 'a'), '.npy')
    remove_stores(str(tmp_path / 'a'))
    assert len(os.listdir(tmp_path / 'a.npy')) == 1


def prepare(source, out, **settings):
    settings = Settings(**settings)
    known = read_manifest(str(out), 'train').get('c')
    writer = ClipWriter(
        Clip('c', 'train', str(source)), str(out), settings=settings)
    entry = writer.run(known)
    write_manifest(str(out), 'train', dict(c=entry))
    writer.close()
    return entry


def verify(out):
    return [
        line for clip in find_prepared(str(out), [], 16)
        for line in verify_clip(clip, 16)
    ]


def arrays_below(out):
    return {
        str(path.relative_to(out)): path.stat().st_mtime_ns
        for path in out.rglob('*.npy')
    }


def test_arrays_are_made_kept_dropped_and_made_again(folder, tmp_path):
    out = tmp_path / 'out'
    assert 'stores' not in prepare(folder, out)
    entry = prepare(folder, out, store='array')
    made = arrays_below(out)
    assert sorted(made) == ['train/HR/c.npy', 'train/LRx16/c.npy']
    assert sorted(entry['stores']) == ['HR.npy', 'LRx16.npy']
    # Nothing to do, with or without the option.
    assert prepare(folder, out, store='array') == entry
    assert prepare(folder, out) == entry
    assert arrays_below(out) == made and verify(out) == []
    # One is lost: named, then made again.
    (out / 'train/HR/c.npy').unlink()
    assert verify(out) == [f'{out}/train/HR/c.npy: No such file or directory']
    assert prepare(folder, out, store='array') == entry
    assert verify(out) == []
    # Deleted on purpose: no longer stated.
    (out / 'train/HR/c.npy').unlink()
    assert list(prepare(folder, out)['stores']) == ['LRx16.npy']


def test_tiles_are_of_hr_and_stand_beside_arrays(folder, tmp_path):
    out = tmp_path / 'out'
    entry = prepare(folder, out, store='tiles')
    assert sorted(entry['stores']) == ['HR.tiles', 'LRx16.npy']
    assert verify(out) == []
    entry = prepare(folder, out, store='array')
    assert sorted(entry['stores']) == ['HR.npy', 'HR.tiles', 'LRx16.npy']
    assert verify(out) == []
    flip_a_bit(out / 'train/HR/c.tiles')
    assert verify(out)[0].endswith(
        'HR/c.tiles: is not the file that was prepared (checksum)')


def test_arrays_do_not_outlive_a_change_of_the_frames(folder, tmp_path):
    out = tmp_path / 'out'
    prepare(folder, out, max_frames=2, store='array')
    prepare(folder, out)
    assert arrays_below(out) == {} and verify(out) == []
    prepare(folder, out, store='array')
    assert len(np.load(out / 'train/HR/c.npy')) == 4


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize('harm, expected', [
    (lambda d: flip_a_bit(d / 'HR/c.npy'),
     ['HR/c.npy: is not the file that was', 'HR/c.npy: differs from 000010']),
    (lambda d: (d / 'LRx16/c.npy').write_bytes(b''),
     ['LRx16/c.npy: not an array of frames']),
    (lambda d: reserve_file(str(d / 'HR/c.npy'), END), ['HR/.c.npy.']),
    (lambda d: os.replace(d / 'LRx16/c.npy', d / 'HR/c.npy'), [
        'LRx16/c.npy: No such file', 'HR/c.npy: is not the file', *[
            f'HR/c.npy: differs from {number:06d}.png'
            for number in range(7, 11)
        ]
    ]),
])
def test_verify_compares_arrays_with_the_frames(folder, tmp_path, harm,
                                                expected):
    out = tmp_path / 'out'
    prepare(folder, out, store='array')
    harm(out / 'train')
    found = verify(out)
    assert len(found) == len(expected)
    for line, start in zip(found, expected):
        assert line.startswith(f'{out}/train/{start}')


def test_what_a_killed_run_left_is_removed(folder, tmp_path):
    out = tmp_path / 'out'
    prepare(folder, out)
    left = Path(reserve_file(str(out / 'train/HR/c.npy'), END))
    left.write_bytes(b'half')
    prepare(folder, out)
    assert not left.exists()


@pytest.mark.parametrize('content', [b'mine', np.zeros(3).tobytes()])
def test_files_of_the_user_are_not_replaced_by_arrays(folder, tmp_path,
                                                      content):
    mine = tmp_path / 'out' / 'train' / 'HR' / 'c.npy'
    mine.parent.mkdir(parents=True)
    mine.write_bytes(content)
    with pytest.raises(ValueError, match='c.npy: already exists, but was'):
        prepare(folder, tmp_path / 'out', store='array')
    assert mine.read_bytes() == content
    prepare(folder, tmp_path / 'out')  # needs no array
    assert mine.read_bytes() == content
