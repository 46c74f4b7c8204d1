# Copyright (c) DKSAN-MM contributors.
"""Keys that nothing reads are refused; all of this project's are read."""
import json
from pathlib import Path

import pytest

from dksan_mm.cli.config_keys import check_keys
from dksan_mm.utils.errors import UserError

RESOLVED = Path(__file__).resolve().parents[1] / 'resolved_configs.json'
OURS = 'OffsetLrConstructor'
DEFAULT = 'DefaultOptimWrapperConstructor'


def wrapper(constructor=None, **paramwise):
    chosen = dict(constructor=constructor) if constructor else {}
    return dict(optim_wrapper=dict(paramwise_cfg=paramwise, **chosen))


@pytest.mark.parametrize('config, said', [
    (dict(auto_scale_lr=dict(enabled=True)),
     r'auto_scale_lr: there is no enabled; did you mean enable\?'),
    (dict(env_cfg=dict(cudnn_bench=True)),
     r'env_cfg: there is no cudnn_bench; did you mean cudnn_benchmark\?'),
    (dict(env_cfg=dict(mp_cfg=dict(start_method='fork'))),
     r'env_cfg.mp_cfg: there is no start_method; did you mean mp_start_me'),
    (dict(randomness=dict(sed=1)), r'randomness: .* did you mean seed\?'),
    (dict(optim_wrapper=dict(clip_grad=dict(max_nrm=1))),
     r'optim_wrapper.clip_grad: there is no max_nrm; did you mean max_norm\?'),
    (dict(optim_wrapper=dict(critic=dict(clip_grad=dict(norm=1)))),
     'optim_wrapper.critic.clip_grad: there is no norm; did you mean '),
    (wrapper(OURS, offset_lr_mul=0.1),
     r'optim_wrapper.paramwise_cfg: .* did you mean offset_lr_mult\?'),
    (wrapper(norm_decay=0.), r'.*: there is no norm_decay; did you mean norm'),
    (wrapper(OURS, custom_keys=dict(a=dict(lr_mult=1))),
     f'.*: {OURS} does not read custom_keys; '
     f"optim_wrapper.constructor='{DEFAULT}' does, and _delete_=True"),
    (wrapper(DEFAULT, align_lr_mult=2.),
     f".*: {DEFAULT} does not read align_lr_mult; .*'{OURS}' does"),
    (wrapper(custom_keys={'generator.align': dict(lr_mul=0.1)}),
     r".*custom_keys\['generator.align'\]: there is no lr_mul; did you mean "
     r'lr_mult\?'),
])
def test_keys_that_nothing_reads_are_named(config, said):
    with pytest.raises(UserError, match=said):
        check_keys(config)


@pytest.mark.parametrize('config', [
    dict(auto_scale_lr=None, env_cfg=dict(dist_cfg=dict(any_of_torch=1))),
    dict(optim_wrapper=dict(clip_grad=dict(type='value', clip_value=1.))),
    dict(optim_wrapper=dict(clip_grad=None, paramwise_cfg=None)),
    dict(visualizer=dict(type='Mine', randomness=dict(sed=1))),
    wrapper(custom_keys=dict(a=dict(lr_mult=1., decay_mult=0., momentum=1.))),
    wrapper('MyConstructor', offset_lr_mul=0.1),
])
def test_others_are_left_alone(config):
    check_keys(config)


def test_keys_of_all_configs_are_read():
    configs = json.loads(RESOLVED.read_text())
    assert configs
    for config in configs.values():
        check_keys(config)
