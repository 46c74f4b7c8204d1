# Copyright (c) DKSAN-MM contributors.
import pytest
from mmengine.optim import build_optim_wrapper
from torch import nn

from dksan_mm.engine.optimizers import OffsetLrConstructor
from dksan_mm.models import DKSANNet

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
    others, offsets, align = build(net, offset_lr_mult=0.1)
    assert others['lr'] == 4e-4
    assert offsets['lr'] == align['lr'] == pytest.approx(4e-5)
    predictors = [
        parameter for name, module in net.named_modules()
        if name.rpartition('.')[2] in ('image_offset', 'kernel_offset',
                                       'conv_offset')
        for parameter in module.parameters()
    ]
    assert len(predictors) > 4
    assert set(offsets['params'] + align['params']) == set(predictors)
    assert set(align['params']) == set(net.offset_predictor.parameters())
    assert set(others['params']) == set(net.parameters()) - set(predictors)


def test_the_alignment_s_offsets_can_have_another_rate():
    groups = build(DKSANNet(**SMALL), offset_lr_mult=0.1, align_lr_mult=0.5)
    rates = [group['lr'] for group in groups]
    assert rates == pytest.approx([4e-4, 4e-5, 2e-4])


def test_offset_predictors_take_adam_s_steps_in_muon():
    config = dict(
        type='OptimWrapper',
        constructor=OffsetLrConstructor,
        optimizer=dict(type='mmagic.ConvMuon', lr=1e-3),
        paramwise_cfg=dict(offset_lr_mult=0.1))
    groups = build_optim_wrapper(DKSANNet(**SMALL),
                                 config).optimizer.param_groups
    assert [group['orthogonal'] for group in groups] == [True, False, False]


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


def test_a_discriminator_has_a_rate_of_its_own():
    model = nn.Module()
    model.generator = DKSANNet(**SMALL)
    model.discriminator = nn.Conv2d(6, 8, 3)
    groups = build(model, offset_lr_mult=0.1, discriminator_lr_mult=3.)
    assert [g['lr']
            for g in groups] == pytest.approx([4e-4, 4e-5, 4e-5, 1.2e-3])
    assert set(groups[-1]['params']) == set(model.discriminator.parameters())
