# Copyright (c) DKSAN-MM contributors.
"""A clip is written completely or not at all, and checked afterwards."""
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import SAMPLE, write_frames

from dksan_mm.io.files import END, reserve_file
from dksan_mm.io.images import read_image, write_png
from dksan_mm.prepare import pairs
from dksan_mm.prepare.manifest import (read_manifest, write_annotation,
                                       write_manifest)
from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.sources import Clip, iter_frames
from dksan_mm.prepare.verify import find_prepared, find_unfinished, verify_clip
from dksan_mm.prepare.writer import ClipWriter
from dksan_mm.utils.resize import matlab_resize


def noise(count, size=(37, 50)):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


def prepare(source, out, *, split='train', has_hr=True, known=None, **kwargs):
    settings = Settings(
        kwargs.pop('scale', 16), kwargs.pop('max_frames', None))
    clip = Clip('c', split, str(source), has_hr)
    writer = ClipWriter(clip, str(out), settings=settings, **kwargs)
    entry = writer.run(known)
    write_manifest(str(out), split, dict(c=entry))
    writer.close()
    return entry


def tree(folder):
    """Return every file below a folder with its content."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*')) if path.is_file()
    }


def test_hr_is_cropped_and_lr_lies_under_it(tmp_path):
    frames = noise(3)
    source = write_frames(tmp_path / 'c', frames, first=4)
    entry = prepare(source, tmp_path / 'out')
    assert entry['frames'] == 3
    assert entry['lr_size'] == [2, 3] and entry['hr_size'] == [32, 48]
    for number, frame in enumerate(frames, 4):
        hr = cv2.imread(str(tmp_path / f'out/train/HR/c/{number:06d}.png'))
        lr = cv2.imread(str(tmp_path / f'out/train/LRx16/c/{number:06d}.png'))
        np.testing.assert_array_equal(hr, frame[:32, :48])
        np.testing.assert_array_equal(lr, matlab_resize(hr, 1 / 16))
    names = [Path(p).name for p in tree(tmp_path / 'out')]
    assert sorted(names) == sorted(['clips.txt', 'manifest.json'] + 2 *
                                   ['000004.png', '000005.png', '000006.png'])


def test_manifest_and_annotation(tmp_path):
    source = write_frames(tmp_path / 'c', noise(2))
    entry = prepare(source, tmp_path / 'out')
    for kind in ('HR', 'LRx16'):
        sums = [
            f'{zlib.crc32(path.read_bytes()):08x}'
            for path in sorted((tmp_path / 'out/train' / kind / 'c').iterdir())
        ]
        assert entry['crc32'][kind].split() == sums and len(sums) == 2
    assert read_manifest(str(tmp_path / 'out'), 'train') == dict(c=entry)
    clips = tmp_path / 'out/train/clips.txt'
    assert clips.read_text() == 'c\t2\n'
    made = clips.stat().st_mtime_ns
    write_annotation(str(tmp_path / 'out'), 'train', dict(c=entry))
    assert clips.stat().st_mtime_ns == made


def test_a_clip_is_on_the_disk_before_it_is_in_its_place(
        tmp_path, monkeypatch):
    source = write_frames(tmp_path / 'c', noise(2))
    synced, fsync = [], os.fsync

    def record(handle):
        synced.append(os.readlink(f'/proc/self/fd/{handle}'))
        fsync(handle)

    monkeypatch.setattr(os, 'fsync', record)
    prepare(source, tmp_path / 'out')
    partial = tmp_path / 'out/train/.partial/c'
    for kind in ('HR', 'LRx16'):
        for name in ('', '000000.png', '000001.png'):
            assert str(partial / kind / name) in synced


def test_a_real_video_and_its_first_frames(tmp_path):
    source = SAMPLE / 'train' / 'egret-lake.mp4'
    entry = prepare(source, tmp_path, max_frames=2)
    assert entry['frames'] == 2 and entry['lr_size'] == [33, 60]
    _, load = next(iter_frames(Clip('c', 'train', str(source))))
    hr = read_image(str(tmp_path / 'train/HR/c/000000.png'))
    np.testing.assert_array_equal(hr, load()[:528])


@pytest.mark.parametrize('scale', [4, 8])
def test_other_scales(tmp_path, scale):
    source = write_frames(tmp_path / 'c', noise(1))
    prepare(source, tmp_path / 'out', scale=scale)
    lr = read_image(str(tmp_path / f'out/train/LRx{scale}/c/000000.png'))
    assert lr.shape == (37 // scale, 50 // scale, 3)


def test_lr_frames_without_hr_are_taken_over(tmp_path):
    frames = noise(2, (5, 7))
    source = write_frames(tmp_path / 'c', frames)
    prepare(source, tmp_path / 'out', split='test', has_hr=False)
    assert not (tmp_path / 'out/test/HR').exists()
    lr = read_image(str(tmp_path / 'out/test/LRx16/c/000001.png'))
    np.testing.assert_array_equal(lr, frames[1])


class Killed(BaseException):
    pass


@pytest.mark.parametrize('stop_after', [1, 2, 4])
def test_an_interrupted_clip_is_continued(tmp_path, stop_after):
    source = write_frames(tmp_path / 'c', noise(4))
    prepare(source, tmp_path / 'whole')
    count = 0

    def on_frame():
        nonlocal count
        count += 1
        if count == stop_after:
            raise Killed

    with pytest.raises(Killed):
        prepare(source, tmp_path / 'out', on_frame=on_frame)
    assert not (tmp_path / 'out/train/HR').exists()
    part = tmp_path / 'out/train/.partial/c/HR'
    assert len(list(part.iterdir())) == stop_after
    assert find_unfinished(str(tmp_path / 'out'), []) == [str(part.parent)]
    # What a killed process leaves, and a mark to see what is written again.
    reserve_file(str(part / '000003.png'), END)
    mark = read_image(str(part / '000000.png')) // 2
    write_png(str(part / '000000.png'), mark)
    prepare(source, tmp_path / 'out')
    np.testing.assert_array_equal(
        read_image(str(tmp_path / 'out/train/HR/c/000000.png')), mark)
    whole, out = tree(tmp_path / 'whole'), tree(tmp_path / 'out')
    for name in ('HR/c/000000.png', 'manifest.json'):  # with its checksum
        assert whole.pop(f'train/{name}') != out.pop(f'train/{name}')
    assert whole == out


@pytest.mark.parametrize('kind', ['HR', 'LRx16'])
@pytest.mark.parametrize('harm', [
    lambda c: b'', lambda c: bytes(len(c)),
    lambda c: c[:len(c) // 2] + bytes(99)
])
def test_frames_that_a_power_cut_emptied_are_made_again(tmp_path, kind, harm):
    source = write_frames(tmp_path / 'c', noise(3))
    prepare(source, tmp_path / 'whole')
    clip = Clip('c', 'train', str(source))
    writer = ClipWriter(clip, str(tmp_path / 'out'), settings=Settings())
    writer._open_partial(writer.recipe(), False)
    writer._write_frames()
    path = tmp_path / 'out/train/.partial/c' / kind / '000001.png'
    path.write_bytes(harm(path.read_bytes()))
    prepare(source, tmp_path / 'out')
    assert tree(tmp_path / 'out') == tree(tmp_path / 'whole')


def test_killed_between_the_moves_and_the_manifest(tmp_path):
    source = write_frames(tmp_path / 'c', noise(2))
    clip = Clip('c', 'train', str(source))
    first = ClipWriter(clip, str(tmp_path / 'out'), settings=Settings())
    entry = first.run()
    # Both folders moved, or only one of them.
    for back in (False, True):
        if back:
            os.rename(first.finals[1], first.parts[1])
        again = ClipWriter(clip, str(tmp_path / 'out'), settings=Settings())
        assert again.run() == entry
        assert len(os.listdir(first.finals[1])) == 2


def test_a_finished_clip_is_left_alone_and_lost_frames_are_made_again(
        tmp_path):
    source = write_frames(tmp_path / 'c', noise(3))
    entry = prepare(source, tmp_path / 'out')
    before = tree(tmp_path / 'out')
    lost = tmp_path / 'out/train/HR/c/000001.png'

    def never():
        raise AssertionError('a frame was read')

    assert prepare(
        source, tmp_path / 'out', known=entry, on_frame=never) == entry
    lost.unlink()
    assert prepare(source, tmp_path / 'out', known=entry) == entry
    assert tree(tmp_path / 'out') == before


def swap(first, second):
    """Swap the contents of two files, which keeps the sum of their sizes."""
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def test_other_frames_of_as_many_bytes_are_another_source(tmp_path):
    source = write_frames(tmp_path / 'c', noise(3))
    entry = prepare(source, tmp_path / 'out')
    before = tree(tmp_path / 'out')
    swap(source / '000000.png', source / '000001.png')
    with pytest.raises(ValueError, match='LRx16/c: already exists, but was'):
        prepare(source, tmp_path / 'out', known=entry)
    assert tree(tmp_path / 'out') == before
    # An earlier version has recorded no checksum.
    del entry['source_crc32']
    assert prepare(source, tmp_path / 'out', known=entry) == entry


def test_more_frames_are_added(tmp_path):
    source = write_frames(tmp_path / 'c', noise(5))
    prepare(source, tmp_path / 'whole')
    entry, made = None, []
    for limit in (2, 4, None):
        entry = prepare(
            source, tmp_path / 'out', known=entry, max_frames=limit)
        made.append(entry['frames'])
    assert made == [2, 4, 5]
    assert tree(tmp_path / 'out') == tree(tmp_path / 'whole')


def test_frames_that_cannot_be_added_leave_the_clip_as_it_was(tmp_path):
    source = write_frames(tmp_path / 'c', noise(5))
    bad = source / '000003.png'
    bad.write_bytes(bytes(bad.stat().st_size))
    entry = prepare(source, tmp_path / 'out', max_frames=2)
    before = tree(tmp_path / 'out')
    with pytest.raises(ValueError, match='000003.png'):
        prepare(source, tmp_path / 'out', known=entry)
    assert tree(tmp_path / 'out') == before


def test_other_things_in_the_target_are_not_overwritten(tmp_path):
    source = write_frames(tmp_path / 'c', noise(3))
    entry = prepare(source, tmp_path / 'out')
    before = tree(tmp_path / 'out')
    other = write_frames(tmp_path / 'other', noise(3))
    for path, known, limit, match in [
        (other, entry, None, 'already exists'),
        (source, None, None, 'already exists'),
        (source, entry, 2, 'already has 3 frames, more than the requested 2'),
    ]:
        with pytest.raises(ValueError, match=f'LRx16/c: {match}'):
            prepare(path, tmp_path / 'out', known=known, max_frames=limit)
    assert tree(tmp_path / 'out') == before


@pytest.mark.parametrize('frames, match', [
    (noise(2) + noise(1, (53, 50)), '000002 makes an LR frame of 3x3, .*3x2'),
    (noise(1, (15, 50)), '000000 is 50x15, smaller than 16x16'),
])
def test_unfit_frames_are_named_and_leave_nothing(tmp_path, frames, match):
    source = write_frames(tmp_path / 'c', frames)
    with pytest.raises(ValueError, match=f'c: frame {match}'):
        prepare(source, tmp_path / 'out')
    assert tree(tmp_path / 'out') == {}


@pytest.mark.parametrize('content', [b'', b'text', None])
def test_a_damaged_frame_is_named_and_leaves_nothing(tmp_path, content):
    source = write_frames(tmp_path / 'c', noise(3))
    bad = source / '000001.png'
    bad.write_bytes(bad.read_bytes()[:-20] if content is None else content)
    with pytest.raises(ValueError, match='000001.png: '):
        prepare(source, tmp_path / 'out')
    assert tree(tmp_path / 'out') == {}


def test_a_header_that_claims_a_huge_size_is_named(tmp_path):
    write_png(str(tmp_path / 'a.png'), noise(1)[0])
    content = bytearray((tmp_path / 'a.png').read_bytes())
    content[16:24] = struct.pack('>2I', 1 << 20, 1 << 20)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    (tmp_path / 'a.png').write_bytes(content)
    with pytest.raises(ValueError, match='a.png: not a readable image'):
        read_image(str(tmp_path / 'a.png'))


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path, monkeypatch):

    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(OSError, match='No space left'):
        write_png(str(tmp_path / 'a.png'), noise(1)[0])
    assert os.listdir(tmp_path) == []


def verify(out, scale=16):
    clips = find_prepared(str(out), [], scale)
    return [line for clip in clips for line in verify_clip(clip, scale)]


def test_a_building_place_with_files_of_the_user(tmp_path):
    source = write_frames(tmp_path / 'c', noise(2))
    mine = tmp_path / 'out' / 'train' / '.partial' / 'c' / 'HR' / 'thesis.png'
    mine.parent.mkdir(parents=True)
    mine.write_text('mine')
    with pytest.raises(ValueError, match='partial/c: holds files that were'):
        prepare(source, tmp_path / 'out')
    assert mine.read_text() == 'mine'


@pytest.mark.parametrize('name, is_left', [('in/c/000001.png', False),
                                           ('out/train/HR/c', True),
                                           (None, True)])
def test_what_cannot_be_read_adds_nothing(tmp_path, monkeypatch, name,
                                          is_left):
    """Files that cannot be written stay for the next run."""
    source = write_frames(tmp_path / 'in' / 'c', noise(2))

    def frames(clip, **_):
        yield 0, lambda: noise(1)[0]
        raise OSError(5, 'Input/output error', name and str(tmp_path / name))

    monkeypatch.setattr(pairs, 'iter_frames', frames)
    with pytest.raises(OSError):
        prepare(source, tmp_path / 'out')
    assert bool(tree(tmp_path / 'out')) == is_left
    assert bool(find_unfinished(str(tmp_path / 'out'), [])) == is_left
