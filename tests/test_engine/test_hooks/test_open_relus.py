# Copyright (c) DKSAN-MM contributors.
"""Inactive ReLUs learn again, and the network's output does not change."""
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dksan_mm.engine.hooks import OpenReLUsHook
from dksan_mm.models import RCAB
from dksan_mm.models.layers import ResidualBlockNoBN


def opened(model, slope=0.01):
    OpenReLUsHook(slope).before_train(SimpleNamespace(model=model))
    return model


def test_outputs_and_weights_stay_the_same():
    torch.manual_seed(0)
    plain = nn.Sequential(RCAB(8, 4), ResidualBlockNoBN(8)).double()
    x = torch.randn(2, 8, 5, 6, dtype=torch.double)
    expected = plain(x).detach()
    names = list(plain.state_dict())
    for model in (opened(plain).train(), plain.eval()):
        assert torch.equal(model(x), expected)
        assert list(model.state_dict()) == names


@pytest.mark.parametrize('dtype', [torch.double, torch.bfloat16])
def test_the_gradient_is_that_of_a_leaky_relu(dtype):
    x = torch.randn(2, 3, 4, 5).to(dtype).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    weights = torch.randn_like(x)
    (opened(nn.Sequential(nn.ReLU(inplace=True)))(x) *
     weights).sum().backward()
    (nn.functional.leaky_relu(twin, 0.01) * weights).sum().backward()
    assert torch.equal(x.grad, twin.grad)


def test_a_channel_that_is_shut_opens_again():
    torch.manual_seed(0)
    x = torch.rand(64, 4)
    for slope, opens in ((0., False), (0.01, True)):
        net = opened(
            nn.Sequential(nn.Linear(4, 1), nn.ReLU(inplace=True)), slope)
        nn.init.constant_(net[0].weight, -0.1)
        nn.init.constant_(net[0].bias, -0.1)
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(100):
            optimizer.zero_grad()
            (net(x) - x[:, :1]).square().mean().backward()
            optimizer.step()
        assert bool(net(x).any()) == opens


@pytest.mark.parametrize('slope', [-0.1, 1.5])
def test_a_slope_that_is_none_is_refused(slope):
    with pytest.raises(ValueError, match=f'got {slope}'):
        OpenReLUsHook(slope)
