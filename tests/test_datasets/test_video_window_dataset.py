# Copyright (c) DKSAN-MM contributors.
"""Listing of clips and frames, and its error messages."""
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames
from mmagic.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dksan_mm.datasets import IntVIDDataset, Vid3oCDataset, VideoWindowDataset
from dksan_mm.io.stores.stores import write_store

CONFIGS = Path(__file__).parents[2] / 'configs'
PREFIX = dict(img='train/LRx16', gt='train/HR')
IMAGE = np.zeros((2, 3, 3), np.uint8)


def lay_out(root, clips, *, kinds=('LRx16', 'HR'), **naming):
    for kind in kinds:
        for clip, length in clips.items():
            write_frames(
                Path(root) / 'train' / kind / clip, [IMAGE] * length, **naming)
    return str(root)


def build(root, **kwargs):
    return Vid3oCDataset(root, data_prefix=PREFIX, **kwargs)


def test_every_frame_of_every_clip_is_a_sample(tmp_path):
    data = build(lay_out(tmp_path, {'000': 3, '001': 1}))
    keys = [data.get_data_info(i)['key'] for i in range(len(data))]
    assert keys == ['000/000000', '000/000001', '000/000002', '001/000000']
    info = data[1]
    assert info['clip'] == '000' and info['frame'] == 1
    assert [os.path.basename(p) for p in info['img_path']
            ] == ['000000.png', '000001.png', '000002.png']
    assert info['gt_path'] == f'{tmp_path}/train/HR/000/000001.png'
    assert info['num_input_frames'] == 7 and info['sequence_length'] == 3


@pytest.mark.parametrize('template, first', [('%03d.png', 0), ('%08d.jpg', 1),
                                             ('050_%04d.PNG', 10),
                                             ('frame %d.jpeg', 98)])
def test_any_digits_and_any_first_number(tmp_path, template, first):
    data = build(
        lay_out(tmp_path, {'é b.c': 4}, template=template, first=first))
    paths = data[0]['img_path']
    assert [os.path.basename(p)
            for p in paths] == [template % (first + k) for k in range(4)]
    assert data[3]['key'] == 'é b.c/' + (template %
                                         (first + 3)).rsplit('.', 1)[0]


def test_centres_can_be_chosen(tmp_path):
    root = lay_out(tmp_path, {'000': 9, '001': 4})

    def frames(**kwargs):
        data = build(root, **kwargs)
        return [data[i]['key'][2:] for i in range(len(data))]

    assert frames(
        first_frame=2, max_frames=2,
        frame_step=3) == ['0/000002', '0/000005', '1/000002']
    assert len(frames(frame_step=4)) == 3 + 1


@pytest.mark.parametrize('count, wanted', [
    (3, ['0', '2', '4', '0', '1', '1']),
    (1, ['2', '1']),
    (5, ['0', '1', '2', '3', '4', '0', '0', '1', '1', '1']),
])
def test_clips_of_any_length_have_as_many_samples(tmp_path, count, wanted):
    data = build(lay_out(tmp_path, {'0': 5, '1': 2}), samples_per_clip=count)
    assert [data[i]['key'][-1] for i in range(len(data))] == wanted
    assert [data[i]['clip'] for i in (0, -1)] == ['0', '1']


def test_samples_per_clip_are_of_the_chosen_centres(tmp_path):
    root = lay_out(tmp_path, {'0': 9, '1': 2})
    data = build(root, samples_per_clip=2, first_frame=3, frame_step=2)
    # 3, 5 and 7 of one, none of the other
    assert [data[i]['key'][-1] for i in range(len(data))] == ['3', '7']
    for count in (0, -1):
        with pytest.raises(
                ValueError, match=f'samples_per_clip .*got {count}'):
            build(root, samples_per_clip=count)


def test_intvid_takes_14_frames_of_each_clip(tmp_path):
    root = lay_out(tmp_path, {'050': 20, '051': 10}, template='%04d.png')
    data = IntVIDDataset(root, data_prefix=PREFIX)
    assert len(data) == 14 + 10
    assert data[13]['key'] == '050/0013' and data[13]['sequence_length'] == 20
    assert len(IntVIDDataset(root, data_prefix=PREFIX, max_frames=None)) == 30


def test_clips_of_an_annotation_file(tmp_path):
    root = lay_out(tmp_path, {'a b': 1, 'c': 2, 'd': 3})
    (tmp_path / 'list.txt').write_text('d\n\na b\n')
    data = build(root, ann_file='list.txt')
    assert [data[i]['clip'] for i in range(len(data))] == ['d'] * 3 + ['a b']


def test_numbers_of_frames_of_an_annotation_file(tmp_path):
    root = lay_out(tmp_path, {'a b': 1, 'c': 2})
    ann_file = tmp_path / 'list.txt'
    ann_file.write_bytes(b'\xef\xbb\xbfa b\t1\r\nc\t2\r\n')
    assert len(build(root, ann_file='list.txt')) == 3
    for text, match in [('a b\t1\nc\t3', 'LRx16/c: 2 frames, .*txt says 3'),
                        ('c\tmany', "list.txt: 'many' after the clip c"),
                        ('../train', "list.txt: '../train' is not a clip")]:
        ann_file.write_text(text)
        with pytest.raises(ValueError, match=match):
            build(root, ann_file='list.txt')


def list_sources(root, lists, **shares):
    for name, clips in lists.items():
        (Path(root) / f'{name}.txt').write_text('\n'.join(clips))
    return [
        dict(ann_file=f'{name}.txt', share=share)
        for name, share in shares.items()
    ]


@pytest.mark.parametrize('shares, counts', [
    (dict(clips=2, photos=1), (8, 2)),
    (dict(clips=1 / 3, photos=2 / 3), (4, 4)),
    (dict(clips=1, photos=1000), (1, 6)),
])
def test_sources_have_shares_of_the_samples(tmp_path, shares, counts):
    root = lay_out(tmp_path, dict(a=9, b=2, c=1, d=1, e=1, f=1))
    lists = dict(clips=['a', 'b'], photos=['f', 'c', 'd', 'e'])
    data = build(
        root, sources=list_sources(root, lists, **shares), samples_per_clip=4)
    clips = [data[i]['clip'] for i in range(len(data))]
    assert {
        clip: clips.count(clip)
        for clip in 'abcdef'
    } == {
        clip: counts[clip > 'b']
        for clip in 'abcdef'
    }
    stills = [data[i]['still'] for i in range(len(data))]
    assert stills == [clip > 'b' for clip in clips]


def test_sources_that_contradict_are_refused(tmp_path):
    root = lay_out(tmp_path, dict(a=2, b=1))
    lists = dict(clips=['a'], both=['b', 'a'])
    clips, both = list_sources(root, lists, clips=1, both=1)
    with pytest.raises(ValueError, match='both.txt: clip a of another source'):
        build(root, sources=[clips, both], samples_per_clip=2)
    with pytest.raises(ValueError, match='samples_per_clip, got .* and None'):
        build(root, sources=[clips])


def test_arrays_are_used_as_the_store_says(tmp_path):
    root = lay_out(tmp_path, {'000': 3, '001': 2})
    with pytest.raises(
            FileNotFoundError, match='LRx16/000.npy: no such file; .*--store'):
        build(root, store='array')
    assert 'gt_store' not in build(root)[0]
    for clip in ('000', '001'):
        write_store(f'{root}/train/HR/{clip}', '.npy')
    found = build(root)[0]
    assert found['gt_store'] == f'{root}/train/HR/000.npy'
    assert 'img_store' not in found  # each kind by itself
    write_store(f'{root}/train/LRx16/000', '.npy')
    found = build(root)
    assert found[0]['img_store'] == f'{root}/train/LRx16/000.npy'
    assert 'img_store' not in found[3]
    write_store(f'{root}/train/LRx16/001', '.npy')
    assert build(root, store='array')[3]['img_store'].endswith('001.npy')
    assert 'img_store' not in build(root, store='png')[0]


def test_without_ground_truth(tmp_path):
    root = lay_out(tmp_path, {'000': 2}, kinds=['LRx16'])
    data = Vid3oCDataset(root, data_prefix=dict(img='train/LRx16'))
    assert 'gt_path' not in data[0]


def test_hidden_and_foreign_files_are_ignored(tmp_path):
    root = lay_out(tmp_path, {'000': 2})
    (tmp_path / 'train/HR/.DS_Store').write_bytes(b'')
    (tmp_path / 'train/HR/000/Thumbs.db').write_bytes(b'')
    (tmp_path / 'train/LRx16/.partial').mkdir()
    assert len(build(root)) == 2


@pytest.mark.parametrize('name', ['Vid3oCDataset', 'IntVIDDataset'])
def test_registered_with_mmagic(tiny_vid3oc, name):
    data = DATASETS.build(
        dict(type=name, data_root=tiny_vid3oc, data_prefix=PREFIX))
    assert isinstance(data, VideoWindowDataset)
    assert len(data) == 18


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize('gone, error, match', [
    ('train/LRx16', FileNotFoundError, 'train/LRx16: no such folder.*prepare'),
    ('train/HR', FileNotFoundError, 'train/HR: no such folder'),
    ('train/HR/001', FileNotFoundError, 'HR/001: no such folder'),
    ('train/LRx16/001', FileNotFoundError, 'LRx16/001: no such folder'),
    ('train/HR/000/000002.png', ValueError,
     r'LRx16/000/000002.png: no frame .* in .*HR/000 \(3 LR frames, 2 HR'),
    ('train/LRx16/000/000002.png', ValueError,
     r'HR/000/000002.png: no frame .*LRx16/000'),
    ('train/LRx16/000/000001.png', ValueError, 'frame 1 is missing'),
])
def test_what_is_missing_is_named(tmp_path, gone, error, match):
    root = lay_out(tmp_path, {'000': 3, '001': 2})
    remove(tmp_path / gone)
    with pytest.raises(error, match=match):
        build(root)


def test_empty_folders_are_named(tmp_path):
    lay_out(tmp_path, {'000': 1})
    for kind in ('HR', 'LRx16'):
        remove(tmp_path / 'train' / kind / '000' / '000000.png')
    with pytest.raises(ValueError, match='LRx16/000: no PNG or JPEG frames'):
        build(str(tmp_path))
    for kind in ('HR', 'LRx16'):
        remove(tmp_path / 'train' / kind / '000')
    with pytest.raises(ValueError, match='train/LRx16: no clips'):
        build(str(tmp_path))


@pytest.mark.parametrize('kwargs, match', [
    (dict(num_input_frames=6), 'num_input_frames must be odd, got 6'),
    (dict(first_frame=-1), 'first_frame'),
    (dict(max_frames=0), 'max_frames'),
    (dict(frame_step=0), 'frame_step'),
    (dict(clips='000'), "must be lists of names, got '000' and"),
    (dict(store='lmdb'), "store must be one of .*, got 'lmdb'"),
    (dict(data_prefix=dict(gt='train/HR')), "'img'"),
    (dict(first_frame=5), 'no clip has a frame of index 5'),
])
def test_wrong_arguments_are_named(tmp_path, kwargs, match):
    root = lay_out(tmp_path, {'000': 2})
    with pytest.raises(ValueError, match=match):
        Vid3oCDataset(root, **dict(dict(data_prefix=PREFIX), **kwargs))


@pytest.mark.parametrize('options, expected', [
    (dict(clips=['b']), 'b'),
    (dict(clips=['c', 'a']), 'ca'),
    (dict(skip_clips=['b']), 'ac'),
    (dict(clips=['a', 'b'], skip_clips=['b', 'x']), 'a'),
])
def test_clips_are_taken_and_left_out_by_name(tmp_path, options, expected):
    root = lay_out(tmp_path, dict(a=1, b=1, c=1))
    data = build(root, **options)
    assert [data.get_data_info(i)['clip']
            for i in range(len(data))] == list(expected)


def test_named_clips_have_to_be_there(tmp_path):
    root = lay_out(tmp_path, dict(a=1))
    with pytest.raises(FileNotFoundError, match='no clip b'):
        build(root, clips=['a', 'b'])
    with pytest.raises(ValueError, match='no clips'):
        build(root, skip_clips=['a'])


REDS4 = ['000', '011', '015', '020']


def test_the_reds_config_keeps_reds4_for_validation(tmp_path, monkeypatch):
    lay_out(tmp_path, {name: 12 for name in (*REDS4, '001', '239')})
    monkeypatch.setenv('DKSAN_DATA_ROOT', str(tmp_path))
    config = Config.fromfile(CONFIGS / 'dksan_reds_x16.py')
    found = {}
    with DefaultScope.overwrite_default_scope('mmagic'):
        for name in ('train', 'val', 'test'):
            data = DATASETS.build(
                dict(config[f'{name}_dataloader'].dataset, pipeline=[]))
            found[name] = [
                data.get_data_info(i)['key'] for i in range(len(data))
            ]
    assert {key[:3] for key in found['train']} == {'001', '239'}
    assert len(found['train']) == 24
    assert found['val'] == [
        f'{clip}/{frame:06d}' for clip in REDS4 for frame in (0, 10)
    ]
    assert len(found['test']) == 4 * 12


def test_an_empty_result_of_the_pipeline_is_an_error(tmp_path):
    root = lay_out(tmp_path, {'000': 2})
    data = build(root, pipeline=[lambda results: None])
    with pytest.raises(Exception, match='Cannot find valid image'):
        data[0]


def test_two_lines_of_a_config_take_other_data(tmp_path, tiny_vid3oc):
    config = tmp_path / 'mine.py'
    config.write_text(f"""
_base_ = ['{CONFIGS}/dksan-s_vid3oc_x16.py']
train_dataloader = dict(dataset=dict(data_root='{tiny_vid3oc}'))
val_dataloader = dict(dataset=dict(data_root='{tiny_vid3oc}'))
""")
    config = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('mmagic'):
        train, val = (
            DATASETS.build(config[f'{name}_dataloader'].dataset)
            for name in ('train', 'val'))
    assert len(train) == 2 * 120  # samples_per_clip
    assert len(val) == 2  # each 40th of 3 frames a clip
    for data, split in ((train, 'train'), (val, 'val')):
        sample = data[0]
        assert sample['inputs'].shape[:2] == (7, 3)
        assert sample['data_samples'].gt_path.startswith(
            f'{tiny_vid3oc}/{split}/HR/')


def test_the_intvid_config_takes_the_papers_frames(tmp_path, monkeypatch):
    for kind in ('LRx16', 'HR'):
        for clip, count in (('050', 20), ('051', 14)):
            write_frames(tmp_path / 'test' / kind / clip, [IMAGE] * count,
                         '%04d.png')
    monkeypatch.setenv('DKSAN_DATA_ROOT', str(tmp_path))
    path = CONFIGS / 'dksan_intvid_x16.py'
    config = Config.fromfile(path)
    with DefaultScope.overwrite_default_scope('mmagic'):
        data = DATASETS.build(
            dict(config.test_dataloader.dataset, pipeline=[]))
    assert isinstance(data, IntVIDDataset)
    keys = [data[i]['key'] for i in range(len(data))]
    assert keys == [
        f'{clip}/{i:04d}' for clip in ('050', '051') for i in range(14)
    ]
    assert config.train_dataloader.dataset.type == 'Vid3oCDataset'
    pipeline = config.test_dataloader.dataset.pipeline
    assert pipeline == Config.fromfile(
        path.with_name('dksan_vid3oc_x16.py')).test_dataloader.dataset.pipeline
