# Copyright (c) DKSAN-MM contributors.
"""Crops are equal for any number of workers and ranks, and new each epoch."""
import copy
import multiprocessing
import os
import shutil
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.data_fixtures import write_frames
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from dksan_mm.datasets import ConsecutiveSampler, SeededInfiniteSampler
from dksan_mm.datasets.samplers import numpy_seed
from dksan_mm.io.stores.stores import suffix_of, write_store

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / '_base_' / 'datasets' / 'vid3oc_x16.py'


@pytest.fixture(scope='module')
def loader_config(tiny_vid3oc):
    config = Config.fromfile(CONFIG).train_dataloader
    config.dataset.data_root = tiny_vid3oc
    # Small crops leave many places for them, and load faster.
    config.dataset.pipeline.crop.gt_patch_size = 64
    return config


def batches(config, count, *, workers=0, seed=0, batch_size=3):
    config = copy.deepcopy(config)
    config.update(
        num_workers=workers, persistent_workers=False, batch_size=batch_size)
    with DefaultScope.overwrite_default_scope('mmagic'):
        loader = Runner.build_dataloader(config, seed=seed)
    found = []
    for batch in islice(loader, count):
        for inputs, sample in zip(batch['inputs'], batch['data_samples']):
            found.append((sample.key, inputs, sample.gt_img))
    return found


def same(one, other):
    return one[0] == other[0] and torch.equal(
        one[1], other[1]) and (torch.equal(one[2], other[2]))


def test_any_number_of_workers_loads_the_same(loader_config):
    alone = batches(loader_config, 4)
    for workers in (1, 2, 3):
        others = batches(loader_config, 4, workers=workers)
        assert all(map(same, alone, others))


def test_workers_read_tiles_that_the_parent_has_read_before(
        loader_config, tiny_vid3oc, tmp_path):
    shutil.copytree(Path(tiny_vid3oc) / 'train', tmp_path / 'train')
    for kind in ('HR', 'LRx16'):
        for folder in list((tmp_path / 'train' / kind).iterdir()):
            write_store(str(folder), suffix_of(str(folder), 'tiles'))
    config = copy.deepcopy(loader_config)
    config.dataset.update(data_root=str(tmp_path), store='tiles')
    wanted = batches(loader_config, 2)  # from the frames
    for workers in (0, 2):
        found = batches(config, 2, workers=workers)
        assert all(map(same, wanted, found))


def test_another_seed_loads_others(loader_config):
    one, other = (batches(loader_config, 2, seed=seed) for seed in (0, 1))
    assert not any(map(same, one, other))


def test_epochs_have_every_sample_once_and_other_crops(loader_config):
    found = batches(loader_config, 12)  # 36 of 18 samples: two epochs
    first, second = found[:18], found[18:]
    keys = [[key for key, *_ in epoch] for epoch in (first, second)]
    assert sorted(keys[0]) == sorted(keys[1]) and len(set(keys[0])) == 18
    assert keys[0] != keys[1]
    by_key = {item[0]: item for item in second}
    assert sum(same(item, by_key[item[0]]) for item in first) == 0


def test_ranks_share_one_sequence():

    def sampler(rank, world_size):
        sampler = SeededInfiniteSampler(range(5), seed=7)
        sampler.rank, sampler.world_size = rank, world_size
        return [(int(index), index.seed)
                for index in islice(sampler, 12 // world_size)]

    alone = sampler(0, 1)
    for world_size in (2, 3):
        parts = [sampler(rank, world_size) for rank in range(world_size)]
        assert [item for step in zip(*parts) for item in step] == alone
    assert len({seed for _, seed in alone}) == 12


def positions(first, world_size, count, *, seed=7, of=None):
    """Return index and seed of the samples of all ranks, from one on."""
    parts = []
    for rank in range(world_size):
        sampler = SeededInfiniteSampler(range(5), seed=seed)
        sampler.rank, sampler.world_size = rank, world_size
        next(iter(sampler))
        sampler.start_at(first, seed=of)
        parts.append([(int(index), index.seed)
                      for index in islice(sampler, count // world_size)])
    return [item for step in zip(*parts) for item in step]


@pytest.mark.parametrize('world_size', [1, 2, 3])
@pytest.mark.parametrize('first', [0, 1, 5, 12, 1003])
def test_the_sequence_can_start_anywhere(first, world_size):
    whole = positions(0, 1, first + 12)
    assert positions(first, world_size, 12) == whole[first:]


def test_the_sequence_can_start_with_the_seed_it_had():
    assert positions(8, 2, 12, seed=1, of=7) == positions(8, 2, 12)
    assert positions(8, 2, 12, seed=1) != positions(8, 2, 12)


def test_a_loader_starts_without_loading_what_comes_before(
        loader_config, monkeypatch):
    expected = batches(loader_config, 6)[6:]  # without the first 2 batches
    monkeypatch.setattr(SeededInfiniteSampler, 'first', 6)
    for workers in (0, 2):
        found = batches(loader_config, 4, workers=workers)
        assert all(map(same, expected, found)) and len(found) == 12


def read_as_rank(rank, config, store, results):
    """Read half an epoch on one of two ranks; return loads and opens."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    opened, root = set(), config.dataset.data_root
    with DefaultScope.overwrite_default_scope('mmagic'):
        loader = Runner.build_dataloader(config, seed=3)

    def record(event, args):
        if event == 'open' and str(args[0]).startswith(root):
            opened.add(os.path.relpath(args[0], f'{root}/train'))

    sys.addaudithook(record)
    samples = [s for b in islice(loader, 3) for s in b['data_samples']]
    keys = [sample.key for sample in samples]
    windows = {path for sample in samples for path in sample.img_path}
    results.put((rank, keys, opened, windows))


def test_two_ranks_open_their_own_halves_of_an_epoch(loader_config, tmp_path):
    config = copy.deepcopy(loader_config)
    config.update(num_workers=0, persistent_workers=False, batch_size=3)
    fork = multiprocessing.get_context('fork')  # mmagic is imported already
    results = fork.Queue()
    ranks = [
        fork.Process(
            target=read_as_rank,
            args=(rank, config, tmp_path / 'store', results))
        for rank in (0, 1)
    ]
    for rank in ranks:
        rank.start()
    found = sorted(results.get(timeout=60) for _ in ranks)
    for rank in ranks:
        rank.join(timeout=60)
    assert [rank.exitcode for rank in ranks] == [0, 0]
    root = config.dataset.data_root
    everything = []
    for _, keys, opened, windows in found:
        assert len(keys) == 9
        hr = {f'HR/{key}.png' for key in keys}
        lr = {os.path.relpath(path, f'{root}/train') for path in windows}
        assert opened == hr | lr  # and nothing else
        everything += keys
    assert len(set(everything)) == 18  # all of them, none twice


def repeat(dataset, _):
    return dict(type='RepeatDataset', times=1, dataset=dataset)


def join(dataset, folder):
    """Make a concatenation with a separate data set for each clip."""
    for clip in ('carpenter-bee', 'egret-lake'):
        (folder / clip).write_text(f'{clip}\n')
    return dict(
        type='ConcatDataset',
        datasets=[
            dict(dataset, ann_file=str(path))
            for path in sorted(folder.iterdir())
        ])


@pytest.mark.parametrize('wrap', [repeat, join])
@pytest.mark.parametrize('workers', [0, 2])
def test_seeds_stay_with_the_samples_of_wrapped_data_sets(
        loader_config, tmp_path, wrap, workers):
    config = copy.deepcopy(loader_config)
    config.dataset = wrap(config.dataset, tmp_path)
    found = batches(config, 6, workers=workers)
    assert all(map(same, batches(loader_config, 6), found))


def test_repeated_samples_get_other_crops(loader_config):
    config = copy.deepcopy(loader_config)
    config.dataset = dict(
        type='RepeatDataset', times=2, dataset=config.dataset)
    found = sorted(batches(config, 12), key=lambda item: item[0])
    assert [one[0] for one in found[::2]] == [two[0] for two in found[1::2]]
    assert not any(map(same, found[::2], found[1::2]))


def test_numpy_seed_puts_the_state_back():
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    with numpy_seed(9):
        one = np.random.rand()
    with numpy_seed(9):
        assert np.random.rand() == one
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize('workers', [0, 1])
def test_a_damaged_frame_stops_the_loading_and_is_named(
        loader_config, tmp_path, workers):
    image = np.zeros((4, 4, 3), np.uint8)
    large = np.zeros((64, 64, 3), np.uint8)
    write_frames(tmp_path / 'train' / 'LRx16' / 'c', [image] * 3)
    folder = write_frames(tmp_path / 'train' / 'HR' / 'c', [large] * 3)
    (folder / '000001.png').write_bytes(b'PNG, but not really')
    config = copy.deepcopy(loader_config)
    config.dataset.data_root = str(tmp_path)
    with pytest.raises(ValueError, match='HR/c/000001.png: not a readable'):
        batches(config, 1, workers=workers)


@pytest.mark.parametrize('total, blocks', [
    (6, [[0, 1, 2], [3, 4, 5]]),
    (5, [[0, 1, 2], [3, 4, 4]]),
    (5, [[0, 1], [2, 3], [4, 4], [4, 4]]),
    (1, [[0], [0]]),
    (3, [[0, 1, 2]]),
    (0, [[], []]),
])
def test_every_process_gets_a_block(total, blocks, monkeypatch):
    for rank, expected in enumerate(blocks):
        monkeypatch.setattr('dksan_mm.datasets.samplers.get_dist_info', lambda:
                            (rank, len(blocks)))
        sampler = ConsecutiveSampler(range(total))
        assert list(sampler) == expected and len(sampler) == len(expected)
