# Copyright (c) DKSAN-MM contributors.
"""Values that make no sense are refused; all of this project's are not."""
import json
from pathlib import Path

import pytest

from dksan_mm.cli.config_values import check_values
from dksan_mm.utils.errors import UserError

RESOLVED = Path(__file__).resolve().parents[1] / 'resolved_configs.json'


def nested(key, value):
    """Return ``{'a': {'b': value}}`` for ``a.b``."""
    for part in reversed(key.split('.')):
        value = {part: value}
    return value


@pytest.mark.parametrize('key, value, said', [
    ('train_cfg.max_iters', -5, 'a whole number of at least 1, got -5'),
    ('train_cfg.max_iters', 0, 'a whole number of at least 1, got 0'),
    ('train_cfg.max_iters', 2.5, 'a whole number of at least 1, got 2.5'),
    ('train_cfg.max_iters', True, 'a whole number of at least 1, got True'),
    ('train_cfg.max_iters', '9', "a whole number of at least 1, got '9'"),
    ('train_cfg.val_interval', 0, 'a whole number of at least 1, got 0'),
    ('train_cfg.val_interval', -1, 'a whole number of at least 1, got -1'),
    ('train_cfg.val_interval', float('inf'), 'a whole .* at least 1, got inf'),
    ('val_dataloader.batch_size', 1.5, 'a whole .* at least 1, got 1.5'),
    ('val_dataloader.batch_size', 0, 'a whole number of at least 1, got 0'),
    ('train_dataloader.num_workers', -1, 'a whole .* at least 0, got -1'),
    ('optim_wrapper.accumulative_counts', 0, 'a whole .* at least 1, got 0'),
    ('optim_wrapper.clip_grad.max_norm', -1, 'a number above 0, got -1'),
    ('optim_wrapper.clip_grad.max_norm', 0, 'a number above 0, got 0'),
    ('optim_wrapper.optimizer.lr', -1e-3, 'a finite .* least 0, got -0.001'),
    ('optim_wrapper.critic.optimizer.lr', float('nan'), 'a finite .*got nan'),
    ('optim_wrapper.optimizer.lr', float('inf'), 'a finite .*got inf'),
    ('optim_wrapper.optimizer.weight_decay', -1, 'a finite .*got -1'),
    ('optim_wrapper.paramwise_cfg.custom_keys.x.lr_mult', -1, '.*got -1'),
    ('model.pixel_loss.loss_weight', -1., 'a finite .*got -1.0'),
    ('default_hooks.ema.momentum', 1, 'between 0 and 1, got 1'),
    ('randomness.seed', -1, 'a whole .* at least 0, got -1'),
    ('log_processor.window_size', 0, 'a whole .* at least 1, got 0'),
])
def test_values_that_make_no_sense_are_named(key, value, said):
    with pytest.raises(UserError, match=f'^{key} must be {said}$'):
        check_values(nested(key, value))


def test_items_of_lists_are_checked():
    with pytest.raises(UserError, match='std.1 must be a number above 0'):
        check_values(nested('model.data_preprocessor.std', [255., 0., 255.]))
    with pytest.raises(UserError, match='loader.1.num_workers must be'):
        check_values(
            dict(val_dataloader=[dict(
                num_workers=0), dict(num_workers=-1)]))


@pytest.mark.parametrize('key, value', [
    ('train_cfg.max_iters', 1e5),
    ('train_cfg.max_iters', None),
    ('train_dataloader.num_workers', 0),
    ('optim_wrapper.optimizer.lr', 0),
    ('optim_wrapper.clip_grad.max_norm', float('inf')),
    ('optim_wrapper.clip_grad', None),
    ('default_hooks.checkpoint.interval', -1),
    ('custom_hooks', [dict(type='Mine', momentum=2)]),
])
def test_others_are_left_alone(key, value):
    check_values(nested(key, value))


def test_values_of_all_configs_make_sense():
    configs = json.loads(RESOLVED.read_text())
    assert configs
    for config in configs.values():
        check_values(config)
