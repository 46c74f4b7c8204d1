# Copyright (c) DKSAN-MM contributors.
"""Predicted memory compared with sums made by hand."""
import pytest
import torch
from helpers.tiny_network import tiny_config
from torch import nn

from dksan_mm.analysis.planned_memory import PeakBytes, plan_frame, plan_step
from dksan_mm.ops.triton import path as triton_path

needs_triton = pytest.mark.skipif(
    not triton_path.available(), reason='triton is not installed')


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_tensors_count_while_they_live(device):
    x = torch.ones(1000, device=device)  # 4,000 bytes
    with PeakBytes([x]) as count:
        assert count.peak == 4000
        y = x + 1
        z = y.view(10, 100)[2:]  # of the same bytes
        assert count.peak == 8000
        del y, z
        x.double()
        assert count.peak == 12000
        x.mul_(2)
        assert count.peak == 12000


def test_gradients_and_what_they_need():
    """A matrix product keeps both factors and makes gradients of both."""
    layer = nn.Linear(100, 100, bias=False, device='meta')
    x = torch.ones(50, 100, device='meta')
    with PeakBytes([layer.weight, x]) as count:
        out = layer(layer(x)).sum()
        # Weight; input, two outputs; the sum.
        assert count.peak == 4 * (100**2 + 3 * 50 * 100 + 1)
        out.backward()
    # The second gradient of the weight is there next to the first.
    assert count.peak >= 4 * (3 * 100**2 + 3 * 50 * 100)
    assert count.peak <= 4 * (3 * 100**2 + 5 * 50 * 100 + 4)


@needs_triton
def test_a_step_holds_parameters_gradients_and_moments():
    config = tiny_config()
    config.optim_wrapper.optimizer = dict(type='Adam', lr=1e-3)
    small, large = (plan_step(config, batch, 8) for batch in (1, 3))
    assert large > 2 * small > 0
    config.model.generator.with_cp = True
    assert plan_step(config, 3, 8) < large


@needs_triton
def test_a_frame_takes_memory_by_its_area():
    config = tiny_config()
    one, four = (plan_frame(config, (8, width)) for width in (32, 128))
    assert 3 * one < four < 4 * one
