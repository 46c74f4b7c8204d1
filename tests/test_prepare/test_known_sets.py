# Copyright (c) DKSAN-MM contributors.
"""Test sets of video super-resolution, in their downloaded layouts."""
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.prepare.known_sets import (blurred_lr, clip_at, find_deeper,
                                         find_root, find_vimeo)
from dksan_mm.prepare.layouts import Source
from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.writer import ClipWriter

NO_ROLE = re.compile('none of these')
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def write(folder, template='%08d.png', first=0, shrink=1):
    image = IMAGE[::shrink, ::shrink]
    return write_frames(folder, [image] * 2, template, first)


def prepare(source, out, scale):
    """Prepare a source's clips as the split test; return their entries."""
    source = Source(str(source), scale)
    entries = {}
    for clip in source.select(['test']):
        writer = ClipWriter(clip, str(out), settings=Settings(scale))
        entries[clip.name] = writer.run()
        writer.close()
    return entries


@pytest.mark.parametrize('truth, lr', [('truth', 'blur4'), ('truth', 'input4'),
                                       ('GT', 'BDx4'), ('original', 'x4'),
                                       ('sharp', 'blur')])
@pytest.mark.parametrize('template, first', [('%04d.png', 0),
                                             ('Frame %03d.png', 1)])
def test_clips_of_hr_next_to_lr(tmp_path, truth, lr, template, first):
    """UDM10 and SPMCS have this layout, and so has GoPro."""
    for clip in ('archpeople', 'auditorium'):
        write(tmp_path / 'in' / clip / truth, template, first)
        write(tmp_path / 'in' / clip / lr, template, first, shrink=4)
    for scale, size in ((16, [32, 48]), (4, [40, 56])):  # cropped to multiples
        out = tmp_path / f'x{scale}'
        entries = prepare(tmp_path / 'in', out, scale)
        assert list(entries) == ['archpeople', 'auditorium']
        for name, entry in entries.items():
            assert entry['source'] == f'{name}/{truth}/'
            assert entry['hr_size'] == size
            assert entry['lr_size'] == [n // scale for n in size]
            assert (entry['frames'], entry['first_frame']) == (2, first)
            assert 'lr_source' not in entry  # made here


def test_a_clip_s_own_frames_come_before_folders_in_it(tmp_path):
    write(tmp_path / 'clip')
    write(tmp_path / 'clip' / 'truth')
    assert clip_at(f'{tmp_path}/clip', 'test').path == f'{tmp_path}/clip'
    (tmp_path / 'video' / 'truth').mkdir(parents=True)
    assert clip_at(f'{tmp_path}/video', 'test').path == f'{tmp_path}/video'
    clip = clip_at(f'{tmp_path}/a.b.mp4', 'test')
    assert (clip.name, clip.path) == ('a.b', f'{tmp_path}/a.b.mp4')


def test_of_mmagic_s_folders_bicubic_lr_is_taken(tmp_path):
    for kind, shrink in (('GT', 1), ('BIx4', 4), ('BDx4', 4)):
        write(tmp_path / 'Vid4' / kind / 'calendar', shrink=shrink)
    (tmp_path / 'Vid4' / 'meta_info_Vid4_GT.txt').touch()
    for scale, lr in ((4, 'BIx4'), (16, None)):
        [clip] = Source(str(tmp_path / 'Vid4'), scale).select(['test'])
        assert clip.path == str(tmp_path / 'Vid4/GT/calendar')
        taken = clip.lr and Path(clip.lr.path).parent.name
        assert taken == lr


def test_blurred_lr_alone_is_taken_and_named(tmp_path):
    for kind, shrink in (('GT', 1), ('BDx4', 4)):
        write(tmp_path / kind / 'archpeople', shrink=shrink)
    source = Source(str(tmp_path), 4)
    [clip] = source.select(['test'])
    assert clip.lr.path == str(tmp_path / 'BDx4/archpeople')
    assert source.notes == [
        f'{tmp_path}/BDx4: blurred LR is used; '
        '--remake-lr makes bicubic LR'
    ]
    for source in (Source(str(tmp_path), 4,
                          keep_lr=False), Source(str(tmp_path), 16)):
        [clip] = source.select(['test'])
        assert clip.lr is None and not source.notes


@pytest.mark.parametrize('names, passed_over',
                         [(['BDx4', 'BIx4', 'GT'], ['BDx4']),
                          (['bd_x4', 'BI-x4'], ['bd_x4']),
                          (['BDx4', 'GT'], []), (['BDx4', 'BIx3'], [])])
def test_blurred_lr_is_passed_over_where_there_is_other(names, passed_over):
    assert blurred_lr(names) == passed_over


def test_clips_are_taken_by_name(tmp_path):
    for name in ('000', '001', '011'):
        write(tmp_path / 'train_sharp' / name)
    source = Source(str(tmp_path), 16)
    taken = source.select(['train'], ['011', '000'])
    assert [clip.name for clip in taken] == ['000', '011']
    with pytest.raises(ValueError, match=f'{tmp_path}: no clip 020$'):
        source.select(['train'], ['000', '020'])


@pytest.mark.parametrize('size', ['Full-Resolution', '1080p', '480p'])
def test_the_frames_of_davis_are_not_its_masks(tmp_path, size):
    frames = tmp_path / 'JPEGImages' / size
    frames.mkdir(parents=True)
    (tmp_path / 'Annotations' / size).mkdir(parents=True)
    for start in (tmp_path, tmp_path / 'JPEGImages'):
        assert find_root(str(start)) == str(frames)


def test_the_largest_frames_of_davis_come_first(tmp_path):
    for size in ('480p', 'Full-Resolution'):
        (tmp_path / 'JPEGImages' / size).mkdir(parents=True)
    assert find_root(str(tmp_path)).endswith('/Full-Resolution')


def test_all_else_is_its_own_root(tmp_path):
    (tmp_path / '480p').mkdir()
    assert find_root(str(tmp_path)) == str(tmp_path)
    assert find_vimeo(str(tmp_path)) is None
    (tmp_path / 'sequences').mkdir()
    assert find_vimeo(str(tmp_path)) is None


def test_clips_of_vimeo_without_lists_are_for_training(tmp_path):
    for name in ('00002/0001', '00001/0010'):
        (tmp_path / 'sequences' / name).mkdir(parents=True)
    root = tmp_path / 'sequences'
    assert find_vimeo(str(tmp_path)) == dict(train=[
        ('00001_0010', f'{root}/00001/0010'),
        ('00002_0001', f'{root}/00002/0001'),
    ])


def test_lists_of_vimeo_tell_the_splits(tmp_path):
    root = tmp_path / 'sequences'
    root.mkdir()
    (tmp_path / 'sep_trainlist.txt').write_text('00001/0001\n\n../../etc\n')
    (tmp_path / 'sep_testlist.txt').write_text('00001/0002\n')
    assert find_vimeo(str(tmp_path)) == dict(
        train=[('00001_0001', f'{root}/00001/0001')],
        test=[('00001_0002', f'{root}/00001/0002')])


@pytest.mark.parametrize('depth, found', [(0, True), (1, True), (2, True),
                                          (3, False)])
def test_clips_are_found_a_few_folders_deeper(tmp_path, depth, found):
    folder = tmp_path.joinpath('inner', *'abc'[:depth])
    (folder / 'clip').mkdir(parents=True)
    assert find_deeper(str(tmp_path), NO_ROLE) == ''  # the clip is empty
    (folder / 'clip' / '0.png').touch()
    assert find_deeper(str(tmp_path), NO_ROLE) == (
        str(folder) if found else '')
