# Copyright (c) DKSAN-MM contributors.
import sys

import pytest
import torch
from helpers.stand_ins import install
from mmagic.registry import MODELS
from torch import nn

from dksan_mm.models.losses import STLPIPSLoss
from dksan_mm.utils.errors import UserError


@pytest.fixture
def package(monkeypatch):
    """Install a stlpips_pytorch whose network multiplies by a weight."""

    class Distance(nn.Module):

        def __init__(self, net, variant, verbose):
            super().__init__()
            assert (net, variant) == ('vgg', 'shift_tolerant')
            self.weight = nn.Parameter(torch.tensor(3.))

        def forward(self, first, second):
            difference = (first - second).abs().mean((1, 2, 3), keepdim=True)
            return self.weight * difference

    install(monkeypatch, 'stlpips_pytorch.stlpips', LPIPS=Distance)


def test_loss_is_the_mean_distance_of_images_from_minus_one_to_one(package):
    loss = MODELS.build(dict(type='STLPIPSLoss', perceptual_weight=0.5))
    target = torch.rand(2, 3, 8, 8)
    outputs = (target + torch.tensor([0.1, 0.3]).view(2, 1, 1, 1))
    outputs.requires_grad_()
    perceptual, style = loss(outputs, target)
    assert style is None
    # Half of three times twice the mean difference, 0.2.
    torch.testing.assert_close(perceptual, torch.tensor(0.6))
    perceptual.backward()
    assert outputs.grad.abs().min() > 0


def test_the_network_is_neither_trained_nor_saved(package):
    loss = STLPIPSLoss()
    assert loss.distance() is loss.distance()
    assert not loss.distance().weight.requires_grad
    assert not loss.state_dict() and not list(loss.parameters())


def test_without_the_package_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'stlpips_pytorch', None)
    with pytest.raises(UserError, match='pip install --no-deps stlpips_py'):
        STLPIPSLoss()(*torch.rand(2, 1, 3, 8, 8))


def test_there_are_two_networks():
    with pytest.raises(ValueError, match="'alex'.*got 'squeeze'"):
        STLPIPSLoss(net='squeeze')


def test_the_authors_network():
    """With the package, a blur has a cost, and its gradient reduces it."""
    pytest.importorskip('stlpips_pytorch')
    torch.manual_seed(0)
    target = torch.rand(1, 3, 64, 64)
    outputs = nn.functional.avg_pool2d(target, 3, 1, 1).requires_grad_()
    loss = STLPIPSLoss()
    before, _ = loss(outputs, target)
    before.backward()
    step = outputs.detach() - 0.01 * outputs.grad / outputs.grad.abs().max()
    assert 0 < loss(step, target)[0] < before
