# Copyright (c) DKSAN-MM contributors.
"""Properties that the base configs guarantee to all configs."""
import json
from importlib import import_module
from pathlib import Path

import pytest
from helpers.resolved_configs import PATH, resolve
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs').glob('*/**/*.py')
    if '_base_' not in path.parts)


@pytest.fixture(params=CONFIGS)
def config(request):
    return Config.fromfile(ROOT / request.param, import_custom_modules=False)


def test_mmagic_s_defaults_are_repaired(config):
    hooks = config.default_hooks
    assert hooks.checkpoint.out_dir is None  # the work dir
    # What is trained for the eye has no best PSNR.
    best = None if config.model.type == 'WindowGAN' else 'auto'
    assert (hooks.checkpoint.save_best, hooks.checkpoint.rule) == (best,
                                                                   'greater')
    assert not hooks.checkpoint.by_epoch
    assert not hooks.logger.log_metric_by_epoch
    assert hooks.checkpoint.type == 'AtomicCheckpointHook'
    assert config.custom_hooks == []  # mmagic's draws; ours have names
    assert config.visualizer.type == 'Visualizer'
    assert config.default_scope == 'mmagic'


def test_the_first_metric_decides_which_checkpoint_is_best(config):
    assert config.val_evaluator[0].type == 'VideoPSNR'


def test_validation_on_the_way_is_quick_and_the_test_thorough(config):
    on_the_way = [metric.type for metric in config.val_evaluator]
    assert on_the_way == ['VideoPSNR', 'VideoSSIM']
    in_the_end = [metric.type for metric in config.test_evaluator]
    assert in_the_end == [*on_the_way, 'VideoTemporalError', 'VideoNIQE']
    assert config.test_dataloader.sampler.type == 'ConsecutiveSampler'


def test_all_modules_that_register_something_are_imported(config):
    imports = config.custom_imports.imports
    assert not config.custom_imports.allow_failed_imports
    for name in imports:
        import_module(name)
    package = {
        'models', 'inference', 'datasets', 'evaluation.metrics',
        'engine.hooks', 'engine.runner.loops', 'engine.optimizers'
    }
    assert {f'dksan_mm.{name}' for name in package} <= set(imports)


def test_the_schedule_ends_with_the_training(config):
    warm_up, decay = config.param_scheduler
    end = decay.get('T_max') or decay.end
    assert end == config.train_cfg.max_iters
    assert warm_up.end < end / 5
    assert not warm_up.by_epoch and not decay.by_epoch
    assert config.train_cfg.val_interval <= config.train_cfg.max_iters


def test_the_time_left_is_as_fresh_as_the_log(config):
    interval = config.default_hooks.logger.interval
    assert config.log_processor.window_size == interval


def test_the_learning_rate_belongs_to_the_batch(config):
    """Some number of processes has exactly the batch size it is meant for."""
    base = config.auto_scale_lr.base_batch_size
    assert base % config.train_dataloader.batch_size == 0
    assert not config.auto_scale_lr.enable


def test_the_paper_s_schedule():
    config = Config.fromfile(
        ROOT / 'configs/dksan_vid3oc_x16.py', import_custom_modules=False)
    optimizer = config.optim_wrapper.optimizer
    assert optimizer.type == 'Adam' and optimizer.lr == 4e-4
    assert tuple(optimizer.betas) == (0.9, 0.999)
    assert config.train_cfg.max_iters == 115_000
    assert config.auto_scale_lr.base_batch_size == 16


def test_no_value_changes_unnoticed(monkeypatch):
    """tests/helpers/resolved_configs.py updates the file."""
    monkeypatch.delenv('DKSAN_DATA_ROOT', raising=False)
    resolved = json.loads(json.dumps(resolve()))
    kept = json.loads(PATH.read_text())
    assert resolved.keys() == kept.keys()
    for name, values in kept.items():
        assert resolved[name] == values, name
