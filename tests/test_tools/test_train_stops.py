# Copyright (c) DKSAN-MM contributors.
"""Diverging trainings stop and leave only good checkpoints."""
import pytest
import torch
from helpers.tool_runs import train

pytest_plugins = ['helpers.tool_runs']  # the fixtures


def spoil(what, value, rank=0):
    """Return options that spoil the third iteration and watch all."""
    return [
        'default_hooks.poison.type=PoisonHook',
        f'default_hooks.poison.what={what}',
        f'default_hooks.poison.value={value}',
        f'default_hooks.poison.rank={rank}', 'default_hooks.offsets.interval=1'
    ]


def assert_only_good_checkpoints(work_dir):
    assert [path.name for path in work_dir.glob('*.pth')] == ['iter_2.pth']
    checkpoint = torch.load(work_dir / 'iter_2.pth')
    tensors = list(checkpoint['state_dict'].values())
    for state in checkpoint['optimizer']['state'].values():
        tensors += state.values()
    assert len(tensors) > 100
    assert all(torch.as_tensor(t).isfinite().all() for t in tensors)


@pytest.mark.parametrize('what, value, message', [
    ('spoil_loss', 'nan', 'iteration 3: the loss is nan'),
    ('spoil_loss', 'inf', 'iteration 3: the loss is '),
    ('spoil_gradient', 'nan', 'iteration 3: the gradient norm is nan'),
    ('spoil_gradient', 'inf', 'iteration 3: the gradient norm is '),
    ('spoil_offsets', '-99', 'iteration 3: the offsets of '
     'generator.align.deform_conv.conv_offset are 99.0'),
    ('spoil_weight_unnoticed', 'nan',
     'iteration 4: generator.unused is not finite; no checkpoint'),
])
def test_a_spoiled_training_stops(what, value, message, tiny_vid3oc, tmp_path,
                                  sentence):
    assert train(tiny_vid3oc, tmp_path / 'w', options=spoil(what, value)) == 2
    text = sentence()
    assert text.startswith(f'training stopped at {message}')
    assert f'{tmp_path}/w/iter_2.pth is the last checkpoint before' in text
    assert_only_good_checkpoints(tmp_path / 'w')


@pytest.mark.parametrize('what, value', [('spoil_gradient', 'nan'),
                                         ('spoil_offsets', '99')])
def test_all_processes_stop_when_one_has_to(what, value, tiny_vid3oc,
                                            tmp_path):
    assert train(
        tiny_vid3oc,
        tmp_path / 'w',
        options=spoil(what, value, rank=1),
        processes=2) == [2, 2]
    assert_only_good_checkpoints(tmp_path / 'w')
