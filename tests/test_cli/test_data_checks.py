# Copyright (c) DKSAN-MM contributors.
import re

import numpy as np
import pytest
from helpers.data_fixtures import write_frames
from mmengine.config import Config

from dksan_mm.cli.data_checks import check_crops, check_data, check_windows
from dksan_mm.utils.errors import UserError


def repeated(dataset):
    return dict(type='RepeatDataset', times=2, dataset=dataset)


def joined(dataset):
    other = dict(dataset, pipeline=[])
    return dict(type='ConcatDataset', datasets=[other, dataset])


@pytest.mark.parametrize('wrap', [
    lambda dataset: dataset, repeated, joined,
    lambda dataset: repeated(joined(dataset))
])
def test_the_option_for_smaller_crops_fits_the_config(tmp_path, wrap):
    write_frames(tmp_path / 'HR' / 'a', [np.zeros((70, 80, 3), np.uint8)])
    dataset = dict(
        data_root=str(tmp_path),
        data_prefix=dict(gt='HR'),
        pipeline=[
            dict(type='Load'),
            dict(type='Crop', gt_patch_size=512),
            dict(type='SyntheticMotion', gt_patch_size=256)
        ])
    config = Config(dict(train_dataloader=dict(dataset=wrap(dataset))))
    with pytest.raises(UserError) as caught:
        check_crops(config)
    key, value = re.search(r'--cfg-options (\S+)=(\d+)$',
                           str(caught.value)).groups()
    assert value == '64'
    config.merge_from_dict({key: int(value)})
    check_crops(config)


def test_smaller_crops_are_allowed_in_clips_of_all_sources(tmp_path):
    for clip, height in dict(a=70, b=90, c=10).items():
        write_frames(tmp_path / 'HR' / clip,
                     [np.zeros((height, 120, 3), np.uint8)])
    (tmp_path / 'one.txt').write_text('b\n')
    (tmp_path / 'two.txt').write_text('a\n')  # c is of none
    crop = dict(type='Crop', gt_patch_size=96, min_gt_patch_size=64)
    dataset = dict(
        data_root=str(tmp_path),
        data_prefix=dict(gt='HR'),
        sources=[dict(ann_file='one.txt'),
                 dict(ann_file='two.txt')],
        pipeline=[crop])
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    check_crops(config)
    crop['min_gt_patch_size'] = 80
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    with pytest.raises(
            UserError,
            match=r'^1 of 2 clips .*: a \(70\); .*'
            r'pipeline.0.min_gt_patch_size=64$'):
        check_crops(config)


def test_the_option_for_smaller_crops_names_the_step(tmp_path):
    write_frames(tmp_path / 'HR' / 'a', [np.zeros((70, 80, 3), np.uint8)])
    dataset = dict(
        data_root=str(tmp_path),
        data_prefix=dict(gt='HR'),
        pipeline=dict(place=dict(), crop=dict(type='Crop', gt_patch_size=512)))
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    with pytest.raises(UserError, match='pipeline.crop.gt_patch_size=64$'):
        check_crops(config)


def windows(**lengths):
    """Return a config whose loaders make windows of these lengths."""
    return Config(
        dict(
            model=dict(generator=dict(num_frames=7)),
            **{
                f'{name}_dataloader':
                dict(
                    dataset=repeated(
                        dict(data_root='x', num_input_frames=length)))
                for name, length in lengths.items()
            }))


def test_windows_are_as_long_as_the_network_s():
    loaders = ['train_dataloader', 'val_dataloader']
    check_windows(windows(train=7, val=7, test=5), loaders)
    with pytest.raises(
            UserError,
            match='^val_dataloader.dataset.dataset.num_input_'
            'frames is 5, but model.generator.num_frames is 7'):
        check_windows(windows(train=7, val=5), loaders)


@pytest.mark.parametrize('img, gt, remedy', [
    ('test/LRx16', 'test/HR', 'prepare it with `.*prepare_data.py SOURCE D`,'),
    ('test/LRx4', 'test/HR', 'prepare it with `.* SOURCE D --scale 4`,'),
    ('BIx4', 'GT', 'it is used as downloaded: unpack it there,'),
])
def test_what_makes_missing_folders_is_said(tmp_path, monkeypatch, img, gt,
                                            remedy):
    monkeypatch.chdir(tmp_path)
    prefix = dict(img=img, gt=gt)
    config = Config(
        dict(
            test_dataloader=dict(
                dataset=dict(data_root='D', data_prefix=prefix))))
    with pytest.raises(UserError, match=f'there is no folder D; {remedy}'):
        check_data(config, ['test_dataloader'])
    write_frames(tmp_path / 'D' / img / 'a', [np.zeros((3, 3, 3), np.uint8)])
    remedy = remedy.replace('SOURCE D', 'SOURCE D --split test')
    with pytest.raises(UserError, match=f'no folder D/{gt}; {remedy}'):
        check_data(config, ['test_dataloader'])


def test_a_scale_is_prepared_in_a_folder_of_its_own(tmp_path):
    """Another scale in the same folder would be refused."""
    root = tmp_path / 'my data'
    (root / 'val' / 'LRx16').mkdir(parents=True)
    prefix = dict(img='val/LRx4', gt='val/HR')
    config = Config(
        dict(
            test_dataloader=dict(
                dataset=dict(data_root=str(root), data_prefix=prefix))))
    with pytest.raises(
            UserError,
            match="SOURCE '.*my data_x4' --split val --scale 4`, and use it "
            "with --data-root '.*my data_x4'$"):
        check_data(config, ['test_dataloader'])


@pytest.mark.parametrize('root', ['', None])
def test_data_without_a_root(tmp_path, root):
    dataset = dict(
        data_root=root,
        data_prefix=dict(img=str(tmp_path / 'LRx16'), gt=str(tmp_path / 'HR')),
        pipeline=[dict(type='Crop', gt_patch_size=64)])
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    with pytest.raises(UserError, match='no folder .*LRx16; prep.* SOURCE .`'):
        check_data(config, ['train_dataloader'])
    for name in ('LRx16', 'HR'):
        write_frames(tmp_path / name / 'a', [np.zeros((70, 80, 3), np.uint8)])
    check_data(config, ['train_dataloader'])
    check_crops(config)


def test_data_of_another_kind_are_left_alone(tmp_path):
    (tmp_path / 'frames.h5').touch()
    dataset = dict(
        data_root=str(tmp_path),
        data_prefix=dict(img='frames.h5'),
        pipeline=[len, dict(type='Crop', gt_patch_size=64)])
    config = Config(dict(train_dataloader=dict(dataset=dataset)))
    check_data(config, ['train_dataloader'])
    check_crops(config)


@pytest.fixture
def small_clips(tmp_path):
    """Return a function for configs of a clip smaller than any crop."""
    write_frames(tmp_path / 'HR' / 'a', [np.zeros((8, 80, 3), np.uint8)])

    def configure(**changes):
        dataset = dict(
            data_root=str(tmp_path),
            data_prefix=dict(gt='HR'),
            pipeline=[dict(type='Crop', gt_patch_size=64)],
            **changes)
        return Config(dict(train_dataloader=dict(dataset=dataset)))

    return configure


def test_no_crop_is_as_small_as_these_clips(small_clips):
    with pytest.raises(UserError, match=r'a \(8\); leave them out$'):
        check_crops(small_clips())


def test_lists_of_other_data_sets_are_not_read(small_clips, tmp_path):
    (tmp_path / 'list.txt').write_text('a/000000.png (8,80,3)\n')
    with pytest.raises(ValueError, match='is not a clip name'):
        check_crops(small_clips(ann_file='list.txt'))
    check_crops(small_clips(ann_file='list.txt', type='BasicFramesDataset'))


def test_a_clip_of_a_list_that_is_not_there(small_clips, tmp_path):
    (tmp_path / 'list.txt').write_text('a 1\n')
    with pytest.raises(UserError, match='no folder .*/HR/a 1, .* a tab sepa'):
        check_crops(small_clips(ann_file='list.txt'))
