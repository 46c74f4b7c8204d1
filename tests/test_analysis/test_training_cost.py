# Copyright (c) DKSAN-MM contributors.
import pytest
from helpers.tool_runs import CONFIG, LIGHT, TINY
from mmengine.config import Config, DictAction

from dksan_mm.analysis.training_cost import (StepCost, crop_size, measure_here,
                                             predict_run)
from dksan_mm.cli.data_checks import redirect_data
from dksan_mm.utils.hardware import has_fast_bfloat16


def tiny_config(**changes):
    config = Config.fromfile(CONFIG)
    pairs = (option.split('=') for option in (*LIGHT, *TINY))
    config.merge_from_dict(
        {key: DictAction._parse_iterable(value)
         for key, value in pairs})  # yapf: disable
    config.merge_from_dict(changes)
    return config


@pytest.mark.parametrize('changes', [
    {},
    {
        'model.generator.with_cp': True,
        'model.channels_last': True,
        'optim_wrapper.dtype': 'bfloat16',
        'optim_wrapper.accumulative_counts': 2
    },
])
def test_a_step_is_timed_and_weighed(changes, tiny_vid3oc):
    config = tiny_config(**changes)
    redirect_data(config, tiny_vid3oc)
    cost = measure_here(config, 1, 'cpu', 1, True)
    assert cost.parameters > 10_000
    assert (cost.batch, cost.lr_size) == (2, 4)
    own = 'bfloat16' if has_fast_bfloat16('cpu') else 'float32'
    assert cost.precision == changes.get('optim_wrapper.dtype', own)
    assert 1e-3 < cost.seconds < 60
    assert cost.memory >= 0
    assert 0 < cost.data_share < 1


def test_crops_are_found_or_missed():
    config = tiny_config()
    assert crop_size(config) == 64
    # Of what is loaded, SyntheticMotion leaves the middle.
    config.train_dataloader.dataset.pipeline.crop.gt_patch_size = 480
    assert crop_size(config) == 256
    config.train_dataloader.dataset.pipeline = []
    with pytest.raises(ValueError, match='no gt_patch_size'):
        crop_size(config)


@pytest.mark.parametrize('gpus, sent, step', [(1, 0, 8.), (2, 8e9, 4. + .8),
                                              (4, 12e9, 2. + 1.2)])
def test_a_training_on_several_gpus_is_computed(gpus, sent, step):
    cost = StepCost(2_000_000_000, 'float32', 4, 32, 2., 0, None)
    run = predict_run(cost, gpus, total_batch=16, updates=450, bandwidth=1e10)
    assert run.sent == sent
    assert run.step_seconds == pytest.approx(step)
    assert run.samples_per_second == pytest.approx(16 / step)
    assert run.hours == pytest.approx(step / 8)
