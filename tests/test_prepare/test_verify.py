# Copyright (c) DKSAN-MM contributors.
"""Frame-by-frame checks of prepared clips; every problem is reported."""
import shutil

import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.io.images import read_image, write_png
from dksan_mm.prepare.manifest import write_manifest
from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.sources import Clip
from dksan_mm.prepare.verify import (PreparedClip, find_prepared,
                                     find_unfinished, verify_clip)
from dksan_mm.prepare.writer import ClipWriter


def noise(count, size):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


def verify(out):
    clips = find_prepared(str(out), [], 16)
    return [line for clip in clips for line in verify_clip(clip, 16)]


@pytest.fixture
def prepared(tmp_path):
    source = write_frames(tmp_path / 'c', noise(3, (64, 80)))
    out = tmp_path / 'out'
    writer = ClipWriter(
        Clip('c', 'train', str(source)), str(out), settings=Settings())
    write_manifest(str(out), 'train', dict(c=writer.run()))
    writer.close()
    assert verify(out) == []
    return out / 'train'


def swap(one, other):
    one.rename(one.with_name('x'))
    other.rename(one)
    one.with_name('x').rename(other)


def brighter(path):
    """Change one HR pixel by one level, which no LR pixel shows."""
    image = read_image(str(path))
    image[5, 5] ^= 1
    return image


@pytest.mark.parametrize('harm, expected', [
    (lambda d: (d / 'HR/c/000001.png').unlink(),
     ['HR/c: 2 frames, the manifest says 3', 'HR/c/000001.png: missing']),
    (lambda d: (d / 'LRx16/c/000002.png').unlink(), [
        'LRx16/c: 2 frames, the manifest says 3', 'LRx16/c/000002.png: missing'
    ]),
    (lambda d: (d / 'LRx16/c/000000.png').write_bytes(b''),
     ['LRx16/c/000000.png: empty file']),
    (lambda d: (d / 'HR/c/000000.png').write_bytes(b'text'),
     ['HR/c/000000.png: not a readable image']),
    (lambda d: swap(d / 'LRx16/c/000000.png', d / 'LRx16/c/000001.png'),
     ['LRx16/c/000000.png: out of step', 'LRx16/c/000001.png: out of step']),
    (lambda d: write_png(str(d / 'LRx16/c/000001.png'),
                         noise(1, (4, 4))[0]),
     [
         'LRx16/c/000001.png: is 4x4, the clip',
         'LRx16/c/000001.png: is 4x4, its HR frame 80x64 is not 16 times'
     ]),
    (lambda d: write_png(str(d / 'HR/c/000002.png'),
                         noise(1, (64, 64))[0]),
     ['HR/c/000002.png: is 64x64, the clip', 'LRx16/c/000002.png: is 5x4']),
    (lambda d: write_png(
        str(d / 'HR/c/000001.png'), brighter(d / 'HR/c/000001.png')),
     ['HR/c/000001.png: is not the file that was prepared (checksum)']),
    (lambda d: shutil.rmtree(d / 'HR'), ['HR/c: No such file']),
    (lambda d: shutil.rmtree(d / 'LRx16/c'), ['LRx16/c: No such file']),
])
def test_verify_names_every_problem(prepared, harm, expected):
    harm(prepared)
    found = verify(prepared.parent)
    assert len(found) == len(expected)
    for line, start in zip(found, expected):
        assert line.startswith(f'{prepared}/{start}')


def test_verify_accepts_lr_of_another_program(prepared):
    # Without a manifest only sizes and names are compared.
    (prepared / 'manifest.json').unlink()
    swap(prepared / 'LRx16/c/000000.png', prepared / 'LRx16/c/000001.png')
    assert verify(prepared.parent) == []


def test_verify_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match='no prepared clips'):
        find_prepared(str(tmp_path), [], 16)
    with pytest.raises(FileNotFoundError, match='val: no prepared clips'):
        find_prepared(str(tmp_path), ['val'], 16)


def test_clips_that_are_half_there_are_found(tmp_path):
    for folder in ('val/HR/b', 'val/LRx16/a', 'test/LRx16/c', 'train/LRx8/d'):
        (tmp_path / folder).mkdir(parents=True)
    val, test = tmp_path / 'val', tmp_path / 'test'
    assert find_prepared(str(tmp_path), [], 16) == [
        PreparedClip('val', 'a', f'{val}/HR/a', f'{val}/LRx16/a', None),
        PreparedClip('val', 'b', f'{val}/HR/b', f'{val}/LRx16/b', None),
        # The test split of Vid3oC has no HR frames.
        PreparedClip('test', 'c', None, f'{test}/LRx16/c', None),
    ]


def test_what_a_manifest_says_is_looked_for(tmp_path):
    (tmp_path / 'val').mkdir()
    entry = dict(frames=1, has_hr=False)
    write_manifest(str(tmp_path), 'val', dict(a=entry))
    lr = f'{tmp_path}/val/LRx16/a'
    clip, = find_prepared(str(tmp_path), ['val'], 16)
    assert clip == PreparedClip('val', 'a', None, lr, entry)
    assert verify_clip(clip, 16) == [f'{lr}: No such file or directory']


def test_clips_whose_preparation_was_interrupted(tmp_path):
    assert find_unfinished(str(tmp_path), []) == []
    for folder in ('val/.partial/b', 'val/.partial/a', 'train/.partial/c'):
        (tmp_path / folder).mkdir(parents=True)
    assert find_unfinished(str(tmp_path), ['val']) == [
        f'{tmp_path}/val/.partial/{name}' for name in 'ab'
    ]
    assert len(find_unfinished(str(tmp_path), [])) == 3
