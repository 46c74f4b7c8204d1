# Copyright (c) DKSAN-MM contributors.
"""Sources in the layouts that users have."""
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import sample_frames, write_frames

from dksan_mm.io.images import read_image
from dksan_mm.prepare.layouts import Source
from dksan_mm.prepare.manifest import write_manifest
from dksan_mm.prepare.settings import Settings
from dksan_mm.prepare.verify import find_prepared, verify_clip
from dksan_mm.prepare.writer import ClipWriter
from dksan_mm.utils.resize import matlab_resize

IMAGE = np.zeros((20, 24, 3), np.uint8)


def clips(root, names, count=1, template='%06d.png'):
    for name in names:
        write_frames(Path(root) / name, [IMAGE] * count, template)


def found(root, splits=(), **kwargs):
    source = Source(str(root), kwargs.pop('scale', 16), **kwargs)
    return source.layout, [(c.split, c.name, c.lr
                            and str(Path(c.lr.path).relative_to(root)))
                           for c in source.select(splits)]


@pytest.mark.parametrize('train, val', [('train/HR', 'val/HR'),
                                        ('Train/GT', 'Validation/gt'),
                                        ('training', 'valid'),
                                        ('train_HR', 'val-GT'),
                                        ('TRAIN_HR', 'validation_hr')])
def test_names_of_splits(tmp_path, train, val):
    clips(tmp_path / train, ['000', 'b c'])
    clips(tmp_path / val, ['050'])
    assert found(tmp_path) == ('vid3oc', [('train', '000', None),
                                          ('train', 'b c', None),
                                          ('val', '050', None)])
    assert found(tmp_path, ['val'])[1] == [('val', '050', None)]


def test_clips_beside_the_folders_of_the_splits_are_named(tmp_path):
    clips(tmp_path, ['train/000', 'train_blur/000', 'forest', 'docs/pictures'])
    (tmp_path / 'film.mp4').touch()
    source = Source(str(tmp_path), 16)
    assert [clip.name for clip in source.clips] == ['000']
    assert source.notes == [f'{tmp_path}: ignored: film.mp4, forest']


@pytest.mark.parametrize('hr, lr', [('train/HR', 'train/LRx16'),
                                    ('train/GT', 'train/LR'),
                                    ('train/hr', 'train/x16'),
                                    ('train_HR', 'train_LR'),
                                    ('train_HR', 'train_LR_x16'),
                                    ('HR', 'LR')])
def test_lr_beside_hr(tmp_path, hr, lr):
    clips(tmp_path / hr, ['000', '001'])
    clips(tmp_path / lr, ['000', '001'])
    assert found(tmp_path)[1] == [('train', '000', f'{lr}/000'),
                                  ('train', '001', f'{lr}/001')]
    assert found(
        tmp_path, keep_lr=False)[1] == [('train', '000', None),
                                        ('train', '001', None)]


def test_lr_alone(tmp_path):
    clips(tmp_path / 'test_LR', ['066'])
    (clip, ) = Source(str(tmp_path), 16).select([])
    assert (clip.split, clip.name, clip.has_hr) == ('test', '066', False)


def test_lr_of_another_scale(tmp_path):
    clips(tmp_path / 'train' / 'LRx4', ['000'])
    with pytest.raises(ValueError, match='LRx4: holds LR of scale 4, not 16;'):
        Source(str(tmp_path), 16)
    assert len(found(tmp_path, scale=4)[1]) == 1
    clips(tmp_path / 'train' / 'HR', ['000'])  # LRx16 can be made
    assert found(tmp_path)[1] == [('train', '000', None)]
    shutil.move(tmp_path / 'train' / 'HR', tmp_path / 'train_HR')
    shutil.move(tmp_path / 'train' / 'LRx4', tmp_path / 'train_LRx4')
    (tmp_path / 'train').rmdir()
    assert found(tmp_path)[1] == [('train', '000', None)]


@pytest.mark.parametrize('names, digits, layout, splits', [
    (['000', '049', '050', '065', '066'
      ], 6, 'vid3oc', ['train', 'train', 'val', 'val', 'test']),
    (['050', '059'], 4, 'intvid', ['test', 'test']),
    (['000', '001'], 6, 'videos', ['train', 'train']),
    (['050', '051'], 6, 'videos', ['train', 'train']),
    (['049', '099'], 6, 'videos', ['train', 'train']),
    (['049', '050', 'x'], 6, 'videos', ['train', 'train', 'train']),
    (['049', '060'], 4, 'videos', ['train', 'train']),
])
def test_numbered_clips(tmp_path, names, digits, layout, splits):
    clips(tmp_path, names, template=f'%0{digits}d.png')
    kind, listed = found(tmp_path)
    assert kind == layout
    assert sorted((name, split)
                  for split, name, _ in listed) == sorted(zip(names, splits))


def test_the_layout_can_be_said(tmp_path):
    clips(tmp_path, ['050', '051'])

    def splits(*args, **kwargs):
        return [split for split, *_ in found(tmp_path, *args, **kwargs)[1]]

    assert splits(layout='vid3oc') == ['val', 'val']
    assert splits(layout='intvid') == ['test', 'test']
    assert splits(['val'], layout='videos') == ['val', 'val']
    with pytest.raises(ValueError, match='no video file and no folder'):
        splits(['train'], layout='vid3oc')
    clips(tmp_path, ['mine'])
    with pytest.raises(ValueError, match="mine: .*three digits, not 'mine'"):
        splits(layout='vid3oc')


def test_frames_side_by_side_in_one_folder(tmp_path):
    images = sample_frames('val', 'dashcam-highway', 3, (36, 48))
    root = tmp_path / 'IntVID'
    write_frames(root, images[:2], '050_%04d.png', first=8)
    for number, image in enumerate(images):
        os.rename(
            write_frames(tmp_path / f'{number}', [image], '051_%04d.png') /
            '051_0000.png', root / f'051_{number:04d}.png')
    assert found(root) == ('intvid', [('test', '050', None),
                                      ('test', '051', None)])
    for clip in Source(str(root), 16).select([]):
        prepare(clip, tmp_path / 'out')
    for path, image in [('050/000008', images[0]), ('050/000009', images[1]),
                        ('051/000002', images[2])]:
        hr = read_image(str(tmp_path / f'out/test/HR/{path}.png'))
        np.testing.assert_array_equal(hr, image[:32])
    assert len(os.listdir(tmp_path / 'out/test/HR/050')) == 2


@pytest.mark.parametrize('make, match', [
    (['train/HR/a', 'train/GT/a'], 'HR: is HR, and so is .*GT'),
    (['train/a', 'training/a'], 'training: is the HR of the split train'),
    (['HR/a', 'HR/b', 'LR/a'], 'HR/b: the clip b has no LR clip in .*LR'),
    (['HR/a', 'LR/a', 'LR/b'], 'LR/b: the clip b has no HR clip in .*HR'),
])
def test_what_does_not_go_together_is_named(tmp_path, make, match):
    clips(tmp_path, make)
    with pytest.raises(ValueError, match=match):
        Source(str(tmp_path), 16)


def prepare(clip, out):
    writer = ClipWriter(clip, str(out), settings=Settings())
    entry = writer.run()
    write_manifest(str(out), clip.split, {clip.name: entry})
    writer.close()
    return entry


def pair(root, hr, lr, first_lr=0):
    write_frames(root / 'train' / 'HR' / 'c', hr)
    write_frames(root / 'train' / 'LR' / 'c', lr, first=first_lr)
    (clip, ) = Source(str(root), 16).select([])
    return clip


@pytest.fixture(scope='module')
def real():
    """Return HR frames of 3.5 x 4.5 blocks of 16, and LR rounded up.

    The LR frames are more than a grey level darker than ours.
    """
    hr = sample_frames('val', 'puppy-grass', 3, (56, 72))
    return hr, [matlab_resize(image, 1 / 16) // 2 for image in hr]


@pytest.mark.parametrize('rows, cols', [(4, 5), (3, 4), (3, 5)])
def test_given_lr_is_kept_and_verified_by_its_checksum(tmp_path, real, rows,
                                                       cols):
    hr, lr = real
    clip = pair(tmp_path / 'in', hr, [image[:rows, :cols] for image in lr])
    entry = prepare(clip, tmp_path / 'out')
    assert entry['lr_size'] == [3, 4] and entry['lr_source'] == 'c/'
    for number in range(3):
        kept = tmp_path / f'out/train/LRx16/c/{number:06d}.png'
        np.testing.assert_array_equal(
            read_image(str(kept)), lr[number][:3, :4])
        np.testing.assert_array_equal(
            read_image(str(tmp_path / f'out/train/HR/c/{number:06d}.png')),
            hr[number][:48, :64])

    def verify():
        (checked, ) = find_prepared(str(tmp_path / 'out'), [], 16)
        return verify_clip(checked, 16)

    assert verify() == []
    shutil.copy(tmp_path / 'out/train/LRx16/c/000000.png', kept)
    assert verify() == [
        f'{kept}: is not the file that was prepared (checksum)'
    ]


@pytest.mark.parametrize('harm, match', [
    (lambda hr, lr: (hr, lr[:2], 0), 'LR/c: out of step, frame 2 of .*HR/c'),
    (lambda hr, lr: (hr[:2], lr, 0), 'LR/c: has more frames than .*HR/c'),
    (lambda hr, lr: (hr, lr, 1), 'LR/c: out of step, frame 0'),
    (lambda hr, lr: (hr, [i[:, :3] for i in lr], 0),
     'LR/c: frame 000000 is 3x4, not 1/16 of its HR frame 72x56'),
    (lambda hr, lr: (hr, hr, 0), 'LR/c: frame 000000 is 72x56, not 1/16'),
])
def test_given_lr_that_does_not_fit_is_named(tmp_path, real, harm, match):
    hr, lr, first = harm(*real)
    clip = pair(tmp_path / 'in', hr, lr, first)
    with pytest.raises(ValueError, match=match):
        prepare(clip, tmp_path / 'out')
    assert not (tmp_path / 'out/train/HR').exists()


def test_other_lr_is_another_source(tmp_path, real):
    hr, lr = real
    prepare(pair(tmp_path / 'in', hr, lr), tmp_path / 'out')
    (clip, ) = Source(str(tmp_path / 'in'), 16, keep_lr=False).select([])
    with pytest.raises(ValueError, match='already exists, but was not'):
        prepare(clip, tmp_path / 'out')


def test_reds(tmp_path):
    for split, name in [('train', '000'), ('train', '239'), ('val', '000')]:
        for kind in ('sharp', 'blur', 'sharp_bicubic/X4'):
            clips(tmp_path / f'{split}_{kind}', [name], template='%08d.png')
    expected = [('train', '000', None), ('train', '239', None),
                ('val', '000', None)]
    assert found(tmp_path) == ('vid3oc', expected)
    for split in ('train', 'val'):  # as the archives are unpacked
        (tmp_path / split).mkdir()
        for kind in ('sharp', 'blur'):
            shutil.move(tmp_path / f'{split}_{kind}', tmp_path / split)
        shutil.rmtree(tmp_path / f'{split}_sharp_bicubic')
    assert found(tmp_path) == ('vid3oc', expected)


@pytest.mark.parametrize('lists', [True, False])
def test_vimeo(tmp_path, lists):
    for name in ('00001/0001', '00001/0002', '00002/0001'):
        clips(tmp_path / 'sequences' / name, ['.'], 3, 'im%d.png')
    if lists:
        (tmp_path / 'sep_trainlist.txt').write_text('00001/0001\n00001/0002\n')
        (tmp_path / 'sep_testlist.txt').write_text('00002/0001\n\n')
    listed = found(tmp_path)[1]
    assert [name for _, name, _ in listed
            ] == ['00001_0001', '00001_0002', '00002_0001']
    assert {split
            for split, *_ in listed
            } == ({'train', 'test'} if lists else {'train'})
    clip = Source(str(tmp_path), 16).select([])[0]
    assert [Path(path).name
            for path in clip.frames()] == ['im0.png', 'im1.png', 'im2.png']


def test_davis(tmp_path):
    for size in ('480p', '1080p'):
        for kind in ('JPEGImages', 'Annotations'):
            clips(
                tmp_path / kind / size, ['bear', 'bmx-bumps'],
                template='%05d.png')
    (tmp_path / 'ImageSets').mkdir()
    for source in (tmp_path, tmp_path / 'JPEGImages'):
        listed = Source(str(source), 16).select([])
        assert [clip.path for clip in listed] == [
            str(tmp_path / 'JPEGImages' / '1080p' / name)
            for name in ('bear', 'bmx-bumps')
        ]


@pytest.mark.parametrize('kind', ['GT', '.'])
def test_vid4(tmp_path, kind):
    clips(tmp_path / kind, ['calendar', 'walk'], template='Frame %03d.png')
    if kind == 'GT':
        clips(tmp_path / 'BIx4', ['calendar', 'walk'])
    assert found(tmp_path)[1] == [('train', 'calendar', None),
                                  ('train', 'walk', None)]


def test_the_folder_of_a_whole_data_set_is_named(tmp_path):
    """Not its first split, whose clips alone would be taken."""
    clips(tmp_path / 'Vid3oC' / 'train' / 'HR', ['000', '001'])
    with pytest.raises(ValueError, match='there are some in .*/Vid3oC$'):
        Source(str(tmp_path), 16).select([])


def test_the_folder_that_would_be_taken_is_named(tmp_path):
    clips(tmp_path / 'data' / 'a' / 'frames', ['c', 'd'])
    with pytest.raises(ValueError, match='there are some in .*/data/a/frames'):
        found(tmp_path)
    with pytest.raises(ValueError, match='no folder of frames in it$'):
        (tmp_path / 'empty').mkdir()
        found(tmp_path / 'empty')


def test_pipes_and_other_files_are_named(tmp_path):
    clips(tmp_path, ['c'])
    os.mkfifo(tmp_path / 'p.mkv')
    os.mkfifo(tmp_path / 'c' / '000001.png')
    for name in ('cover.jpg', 'readme.txt', '.DS_Store'):
        (tmp_path / name).touch()
    source = Source(str(tmp_path), 16)
    [clip] = source.select([])
    assert len(clip.frames()) == 1
    assert source.notes == [
        f'{tmp_path}: ignored: p.mkv, readme.txt, cover.jpg'
    ]


def test_a_cover_among_frames_is_no_frame(tmp_path):
    clips(tmp_path / 'in', ['c'], 3)
    shutil.copy(tmp_path / 'in/c/000000.png', tmp_path / 'in/c/cover.png')
    [clip] = Source(str(tmp_path / 'in'), 16).select([])
    entry = ClipWriter(clip, str(tmp_path / 'out'), settings=Settings()).run()
    assert entry['frames'] == 3
    assert entry['notes'] == ['c: ignored: cover.png']
