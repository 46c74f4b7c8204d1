# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from dksan_mm.models import DKSANNet
from dksan_mm.optim import BFloat16OptimWrapper, OffsetLrConstructor

SMALL = dict(channels=8, num_blocks=(1, 1, 1, 1), reduction=4)


def build(model, **paramwise):
    config = dict(
        type='OptimWrapper',
        constructor=OffsetLrConstructor,
        optimizer=dict(type='Adam', lr=4e-4),
        paramwise_cfg=paramwise)
    return build_optim_wrapper(model, config).optimizer.param_groups


def test_offset_predictors_get_a_rate_of_their_own():
    net = DKSANNet(**SMALL)
    others, offsets = build(net, offset_lr_mult=0.1)
    assert (others['lr'], offsets['lr']) == (4e-4, pytest.approx(4e-5))
    predictors = [
        parameter for name, module in net.named_modules()
        if name.rpartition('.')[2] in ('image_offset', 'kernel_offset',
                                       'conv_offset')
        for parameter in module.parameters()
    ]
    assert len(predictors) > 4
    assert set(offsets['params']) == set(predictors)
    assert set(others['params']) == set(net.parameters()) - set(predictors)


def test_a_network_without_offsets_has_one_group():
    net = DKSANNet(align=False, dksa=False, channel_attention=False, **SMALL)
    group, = build(net, offset_lr_mult=0.1)
    assert group['lr'] == 4e-4
    assert len(group['params']) == len(list(net.parameters()))


def test_frozen_parameters_are_left_out():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    group, = build(net, offset_lr_mult=0.1)
    assert set(group['params']) == set(net[1].parameters())


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match='got -0.1'):
        build(nn.Linear(2, 2), offset_lr_mult=-0.1)
    with pytest.raises(ValueError, match='no parameter to train'):
        build(nn.ReLU(), offset_lr_mult=0.1)


def test_a_step_runs_in_bfloat16_and_its_weights_stay_in_float32():
    model = nn.Linear(4, 4)
    wrapper = BFloat16OptimWrapper(torch.optim.SGD(model.parameters(), 0.1))
    with wrapper.optim_context(model):
        out = model(torch.ones(2, 4))
    assert out.dtype == torch.bfloat16
    before = model.weight.clone()
    wrapper.update_params(out.float().sum())
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(model.weight, before - 0.2)
    assert model(torch.ones(2, 4)).dtype == torch.float32  # outside of it
