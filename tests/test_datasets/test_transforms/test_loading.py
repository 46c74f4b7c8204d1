# Copyright (c) DKSAN-MM contributors.
"""Loading, checks, and alignment of LR and HR in the training pipeline."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.data_fixtures import write_frames
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from dksan_mm.datasets import (CheckFrames, GenerateWindowIndices, LoadFrames,
                               LoadPairedCrop, SeededIndex, Vid3oCDataset,
                               window_indices)
from dksan_mm.io.stores.stores import store_path, suffix_of, write_store
from dksan_mm.utils.steps import named_steps

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / 'configs' / '_base_' / 'datasets' / 'vid3oc_x16.py'
ROWS, COLS, LENGTH = 34, 40, 4  # of LR


def coded_lr(t):
    """Return BGR frames that code frame, row and column of each pixel."""
    row, col = np.mgrid[:ROWS, :COLS]
    return np.dstack([np.full_like(row, 50 * t), row, col]).astype(np.uint8)


def coded_hr(t):
    """Return frames with the LR code and the position in the block."""
    hr = coded_lr(t).repeat(16, axis=0).repeat(16, axis=1)
    row, col = np.mgrid[:16 * ROWS, :16 * COLS]
    hr[..., 0] = row % 16 * 16 + col % 16
    return hr


@pytest.fixture(scope='module')
def coded_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('coded')
    for kind, make in (('LRx16', coded_lr), ('HR', coded_hr)):
        write_frames(root / 'train' / kind / 'a.b c',
                     [make(t) for t in range(LENGTH)])
        for store in ('array', 'tiles'):
            folder = str(root / 'train' / kind / 'a.b c')
            write_store(folder, suffix_of(folder, store))
    return str(root)


def dataset(root, pipeline, store='png'):
    with DefaultScope.overwrite_default_scope('mmagic'):
        return Vid3oCDataset(
            root,
            data_prefix=dict(img='train/LRx16', gt='train/HR'),
            store=store,
            pipeline=pipeline)


@pytest.fixture(scope='module')
def config():
    """Return a config with the pipelines as lists."""
    config = Config.fromfile(CONFIG)
    for name in ('train', 'test'):
        pipeline = config[f'{name}_dataloader'].dataset.pipeline
        config[f'{name}_pipeline'] = list(named_steps(pipeline).values())
    return config


@pytest.mark.parametrize('store', ['png', 'array', 'tiles'])
def test_lr_stays_over_hr_through_the_training_pipeline(
        coded_root, config, store):
    samples = dataset(coded_root, config.train_pipeline[:-1], store)
    seen = set()
    for seed in range(40):
        frame = seed % LENGTH
        out = samples[SeededIndex(frame, seed)]
        flips = tuple(info['flip'] for info in out['flip_infos'])
        seen.add(flips + (out['transpose'], ))
        blue, green, red = 2, 1, 0  # loaded as RGB
        top = int(out['gt'][..., green].min())
        left = int(out['gt'][..., red].min())
        for t, lr in zip(out['window'], out['img']):
            crop = coded_lr(t)[top:top + 32, left:left + 32, ::-1]
            np.testing.assert_array_equal(lr, move(crop, out))
        crop = coded_hr(frame)[16 * top:16 * top + 512,
                               16 * left:16 * left + 512, ::-1]
        np.testing.assert_array_equal(out['gt'], move(crop, out))
        # And the statement itself: LR(i, j) lies over its 16x16 HR pixels.
        over = out['img'][3].repeat(16, axis=0).repeat(16, axis=1)
        np.testing.assert_array_equal(over[..., :blue], out['gt'][..., :blue])
    assert len(seen) == 8  # every combination came up


def same(one, other):
    """Return whether two samples have the same keys and equal values."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


@pytest.mark.slow
@pytest.mark.parametrize('order', ['rgb', 'bgr'])
@pytest.mark.parametrize('patch', [64, 512])
def test_all_stores_and_mmagic_give_the_same_crops(tiny_vid3oc, config,
                                                   stores_of_tiny, patch,
                                                   order):
    start, end = config.train_pipeline[:1], config.train_pipeline[2:-1]
    step = dict(
        type='LoadPairedCrop', gt_patch_size=patch, channel_order=order)
    mmagic = [
        dict(type='LoadFrames', key='img', channel_order=order),
        dict(type='LoadFrames', key='gt', channel_order=order),
        dict(type='CheckFrames'),
        dict(type='PairedRandomCrop', gt_patch_size=patch)
    ]
    png = dataset(tiny_vid3oc, start + [step] + end, 'png')
    theirs_last = [dict(step) for step in end]
    theirs_last[-1]['type'] = 'RandomTransposeHW'
    theirs = dataset(tiny_vid3oc, start + mmagic + theirs_last, 'png')
    ours = [
        dataset(tiny_vid3oc, start + [step] + end, store)
        for store in ('array', 'tiles')
    ]
    for index in (0, 4, 17):
        for seed in (1, 2, 3):
            one = png[SeededIndex(index, seed)]
            assert same(one, theirs[SeededIndex(index, seed)])
            for data, suffix in zip(ours, ('.npy', '.tiles')):
                other = data[SeededIndex(index, seed)]
                assert other.pop('img_store').endswith('.npy')
                assert other.pop('gt_store').endswith(suffix)
                assert same(one, other)


@pytest.fixture
def stores_of_tiny(tiny_vid3oc):
    made = []
    for kind in ('LRx16', 'HR'):
        for folder in list((Path(tiny_vid3oc) / 'train' / kind).iterdir()):
            for store in ('array', 'tiles'):
                suffix = suffix_of(str(folder), store)
                made.append(Path(store_path(str(folder), suffix)))
                write_store(str(folder), suffix)
    yield
    for path in set(made):
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize('store', ['array', 'tiles'])
def test_all_stores_give_the_same_whole_frames(coded_root, config, store):
    for index in range(LENGTH):
        one, other = (
            dataset(coded_root, config.test_pipeline[:-1], store)[index]
            for store in ('png', store))
        assert other.pop('img_store') and other.pop('gt_store')
        assert same(one, other)


def test_an_array_is_read_without_the_frames(coded_root, config, monkeypatch):

    def refuse(*args):
        raise AssertionError('a frame was decoded')

    monkeypatch.setattr('dksan_mm.datasets.transforms.loading.decode_image',
                        refuse)
    assert dataset(coded_root, config.train_pipeline, 'array')[1]
    with pytest.raises(AssertionError, match='decoded'):
        dataset(coded_root, config.train_pipeline, 'png')[1]


@pytest.mark.parametrize('as_array', [False, True])
@pytest.mark.parametrize('hr, patch, match', [
    ((64, 80), 64, 'HR/c/000000.png: is 80x64, not 16 times .*LRx16/c'),
    ((64, 48), 64, 'HR/c/000000.png: is 48x64, smaller than .*64x64'),
])
def test_unfit_frames_are_named(tmp_path, as_array, hr, patch, match):
    for kind, size in (('LRx16', (4, 3)), ('HR', hr)):
        folder = write_frames(tmp_path / 'train' / kind / 'c',
                              [np.zeros((*size, 3), np.uint8)])
        if as_array:
            write_store(str(folder), '.npy')
    data = dataset(
        str(tmp_path), [GenerateWindowIndices(),
                        LoadPairedCrop(patch)], 'auto')
    with pytest.raises(ValueError, match=match):
        data[0]


@pytest.mark.parametrize('as_array', [False, True])
def test_frames_smaller_than_the_crop_give_what_they_have(tmp_path, as_array):
    hr = np.random.default_rng(0).integers(0, 256, (64, 112, 3), np.uint8)
    lr = hr[::16, ::16].copy()
    for kind, frame in (('LRx16', lr), ('HR', hr)):
        folder = write_frames(tmp_path / 'train' / kind / 'c', [frame])
        if as_array:
            write_store(str(folder), '.npy')
    crop = LoadPairedCrop(96, min_gt_patch_size=64)
    data = dataset(str(tmp_path), [GenerateWindowIndices(), crop], 'auto')
    columns = set()
    for _ in range(20):
        out = data[0]
        assert out['gt'].shape == (64, 96, 3)
        assert np.array_equal(out['gt'][::16, ::16], out['img'][3])
        columns.update(
            k for k in (0, 1)
            if np.array_equal(out['gt'][..., ::-1], hr[:, 16 * k:16 * k + 96]))
    assert columns == {0, 1}
    crop.min_gt_patch_size = 80
    with pytest.raises(ValueError, match='is 112x64, smaller than .*80x80'):
        data[0]


def move(img, out):
    """Flip and transpose as recorded by the pipeline."""
    for info in out['flip_infos']:
        if info['flip']:
            img = img[:, ::-1] if info[
                'direction'] == 'horizontal' else img[::-1]
    return img.swapaxes(0, 1) if out['transpose'] else img


@pytest.mark.parametrize('loading', ['train', 'test'])
def test_frames_are_packed_as_mmagic_does(coded_root, config, loading):
    pipeline = [dict(step) for step in config[f'{loading}_pipeline']]
    packed = []
    for kind in ('PackInputs', 'PackFrames'):
        pipeline[-1]['type'] = kind
        packed.append(dataset(coded_root, pipeline)[SeededIndex(2, 4)])
    one, other = packed
    assert torch.equal(one['inputs'], other['inputs'])
    one, other = one['data_samples'], other['data_samples']
    assert torch.equal(one.gt_img, other.gt_img)
    assert other.gt_img.is_contiguous() and other.gt_img.dtype == torch.uint8
    assert same(one.metainfo, other.metainfo)
    assert one.keys() == other.keys()


def test_training_samples_are_packed(coded_root, config):
    out = dataset(coded_root, config.train_pipeline)[1]
    sample = out['data_samples']
    assert tuple(out['inputs'].shape) == (7, 3, 32, 32)
    assert tuple(sample.gt_img.shape) == (3, 512, 512)
    assert sample.key == 'a.b c/000001' and sample.clip == 'a.b c'
    assert sample.gt_channel_order == sample.img_channel_order == 'rgb'
    assert [Path(p).stem for p in sample.img_path
            ] == [f'{i:06d}' for i in (0, 0, 0, 1, 2, 3, 3)]


def test_test_samples_are_whole_frames(coded_root, config):
    out = dataset(coded_root, config.test_pipeline)[3]
    assert tuple(out['inputs'].shape) == (7, 3, ROWS, COLS)
    assert tuple(out['data_samples'].gt_img.shape) == (3, 16 * ROWS, 16 * COLS)
    assert out['data_samples'].gt_path.endswith('000003.png')
    # Channel 0 of RGB is our 'red', the column.
    assert out['inputs'][3, 0, 5].tolist() == list(range(COLS))


def test_channel_order(tmp_path):
    folder = write_frames(tmp_path / 'f', [coded_lr(3)])
    path = str(folder / '000000.png')
    bgr = LoadFrames('img', channel_order='bgr')(dict(img_path=path))['img']
    rgb = LoadFrames('img')(dict(img_path=path))['img']
    np.testing.assert_array_equal(bgr, coded_lr(3))
    np.testing.assert_array_equal(rgb, coded_lr(3)[..., ::-1])


@pytest.mark.parametrize('content, match', [
    (b'', 'empty file'),
    (b'not an image at all', 'not a readable image'),
    (cv2.imencode('.png', coded_hr(0))[1].tobytes()[:-500], 'not a readable'),
])
def test_damaged_frames_are_named(tmp_path, content, match):
    path = tmp_path / 'clip' / '000007.png'
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'000007.png: .*{match}'):
        LoadFrames('gt')(dict(gt_path=str(path)))


def test_ground_truth_that_the_data_set_does_not_have_is_named():
    with pytest.raises(ValueError, match="no 'gt' frames: its data_prefix"):
        LoadFrames('gt')(dict(img_path=[]))


def test_frames_of_unlike_size_are_named(tmp_path):
    folder = write_frames(tmp_path / 'f', [coded_lr(0), coded_lr(1)[:-1]])
    paths = sorted(map(str, folder.iterdir()))
    with pytest.raises(ValueError, match='000001.png: is 40x33, but .*40x34'):
        LoadFrames('img')(dict(img_path=paths))


@pytest.mark.parametrize(
    'image, value',
    [
        (np.full((8, 8), 100, np.uint8), 100),
        (np.full((8, 8, 4), 100, np.uint8), 39),  # over black
        (np.full((8, 8, 3), 100 * 257, np.uint16), 100),
    ])
def test_grey_alpha_and_16_bit_frames_become_8_bit_colour(
        tmp_path, image, value):
    folder = write_frames(tmp_path / 'f', [image])
    out = LoadFrames('img')(dict(img_path=str(folder / '000000.png')))['img']
    assert out.shape == (8, 8, 3) and out.dtype == np.uint8
    assert (out == value).all()


def test_check_frames_names_hr_of_another_scale():
    results = dict(
        img=[np.zeros((4, 5, 3))],
        img_path=['lr.png'],
        gt=np.zeros((32, 40, 3)),
        gt_path='hr.png')
    with pytest.raises(ValueError, match='hr.png: is 40x32, not 16 times'):
        CheckFrames(16)(results)
    assert CheckFrames(8)(results)['scale'] == 8


def test_wrong_settings_fail_at_construction():
    with pytest.raises(ValueError, match="'mirror'"):
        GenerateWindowIndices(padding='mirror')
    with pytest.raises(ValueError, match='interval'):
        GenerateWindowIndices(interval=0)
    with pytest.raises(ValueError, match="'gbr'"):
        LoadFrames('img', channel_order='gbr')
    with pytest.raises(ValueError, match="'gbr'"):
        LoadPairedCrop(512, channel_order='gbr')
    for patch in (0, 8, 500):
        with pytest.raises(ValueError, match=f'multiple of scale 16.*{patch}'):
            LoadPairedCrop(patch)
    for least in (0, 100, 528):
        with pytest.raises(ValueError, match=f'min_gt_patch_size.*{least}$'):
            LoadPairedCrop(512, min_gt_patch_size=least)


def test_demo_pipeline_reads_a_folder_of_lr_frames(coded_root, config):
    with DefaultScope.overwrite_default_scope('mmagic'):
        pipeline = [dict(step) for step in config.demo_pipeline]
        pipeline[0]['filename_tmpl'] = '{:06d}.png'
        pipeline = Compose(pipeline)
    out = pipeline(
        dict(
            img_path=f'{coded_root}/train/LRx16',
            gt_path='',
            key='a.b c',
            sequence_length=LENGTH))
    windows = out['inputs']
    assert tuple(windows.shape) == (LENGTH, 7, 3, ROWS, COLS)
    assert windows[2, 3, 1, :, 0].tolist() == list(range(ROWS))
    for center in range(LENGTH):
        expected = window_indices(center, 7, length=LENGTH)
        assert (windows[center] == windows[expected, 3]).all()
