# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from helpers.tool_runs import ROOT
from mmengine.config import Config

from dksan_mm.engine.runner import scaling
from dksan_mm.utils.errors import UserError

PAPER = ROOT / 'configs' / 'dksan_vid3oc_x16.py'


def paper(launcher='pytorch', **changes):
    config = Config.fromfile(PAPER, import_custom_modules=False)
    config.launcher = launcher
    config.merge_from_dict(changes)
    return config


@pytest.mark.parametrize('processes, share, parts', [(1, 16, 4), (2, 8, 2),
                                                     (4, 4, 1), (8, 2, 1),
                                                     (16, 1, 1)])
@pytest.mark.parametrize('launcher, variable', [('pytorch', 'WORLD_SIZE'),
                                                ('slurm', 'SLURM_NTASKS')])
def test_the_paper_s_batch_on_any_number_of_gpus(launcher, variable, processes,
                                                 share, parts, monkeypatch):
    monkeypatch.setenv(variable, str(processes))
    config = paper(launcher)
    scaling.spread_batch(config, scaling.base_batch(config))
    assert config.train_dataloader.batch_size == share
    assert config.optim_wrapper.accumulative_counts == parts


def test_parts_are_equal_and_fit(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    config = paper('none', train_dataloader=dict(batch_size=4))
    scaling.spread_batch(config, 18)  # one process, whatever was set
    assert config.train_dataloader.batch_size == 18
    assert config.optim_wrapper.accumulative_counts == 6  # of 3: 5 leaves 3


@pytest.mark.parametrize('processes, total', [(3, 16), (32, 16), (1, -4)])
def test_shares_that_are_not_equal_are_refused(processes, total, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', str(processes))
    with pytest.raises(UserError, match=f'{total} cannot be shared equally'):
        scaling.spread_batch(paper(), total)


def test_other_optimizer_wrappers_are_not_replaced():
    config = paper('none', optim_wrapper=dict(type='OptimWrapperDict'))
    with pytest.raises(UserError, match='has OptimWrapperDict'):
        scaling.spread_batch(config, 16)


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_precisions_of_a_cpu():
    config = paper()
    scaling.use_autocast(config, 'bf16')
    assert config.optim_wrapper.dtype == 'bfloat16'
    with pytest.raises(UserError, match='fp16 needs a GPU'):
        scaling.use_autocast(config, 'fp16')


def test_another_batch_than_the_rate_s_is_noticed(monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '4')
    config = paper()
    assert scaling.batch_note(config) == ''
    monkeypatch.setenv('WORLD_SIZE', '1')
    assert 'has 4 samples' in scaling.batch_note(config)
    assert 'meant for 16' in scaling.batch_note(config)
    config.auto_scale_lr.enable = True
    assert scaling.batch_note(config) == ''
    config.auto_scale_lr = None
    assert scaling.base_batch(config) is None
    assert scaling.batch_note(config) == ''
