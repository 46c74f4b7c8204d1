# Copyright (c) DKSAN-MM contributors.
import math

import pytest
import torch

from dksan_mm.models.losses.grid_loss import grid_loss


def by_definition(outputs, target, period) -> float:
    """The loss in plain Python."""
    n, channels, h, w = outputs.shape
    total = 0.
    for c in range(channels):
        for place in range(period * period):
            top, left = divmod(place, period)
            errors = [
                float(outputs[i, c, y, x] - target[i, c, y, x])
                for i in range(n)
                for y in range(top, h // period * period, period)
                for x in range(left, w // period * period, period)
            ]
            total += (sum(errors) / len(errors))**2
    return math.sqrt(total / (channels * period * period))


@pytest.mark.parametrize('size', [(8, 12), (9, 15)])
def test_loss_is_that_of_the_definition(size):
    torch.manual_seed(0)
    outputs, target = torch.rand(2, 3, 3, *size, dtype=torch.float64)
    loss = grid_loss(outputs, target, 4).item()
    assert loss == pytest.approx(by_definition(outputs, target, 4), rel=1e-5)


def test_a_grid_costs_its_size_and_its_opposite_pays_it_back():
    target = torch.rand(2, 3, 16, 16)
    grid = torch.zeros(16, 16)
    grid[::4], grid[2::4] = 0.1, -0.1
    assert grid_loss(target + grid, target, 4).item() == pytest.approx(
        0.1 / math.sqrt(2), rel=1e-4)
    signs = torch.tensor([1., -1.]).view(2, 1, 1, 1)
    assert grid_loss(target + signs * grid, target, 4) < 1e-5


def test_errors_that_lie_on_no_grid_hardly_count():
    torch.manual_seed(0)
    target = torch.rand(4, 3, 128, 128)
    noise = 0.1 * torch.randn_like(target)
    assert grid_loss(target + noise, target, 4) < 0.003


def test_gradients_are_finite_where_there_is_no_error():
    outputs = torch.rand(1, 3, 8, 8).requires_grad_()
    grid_loss(outputs, outputs.detach(), 4).backward()
    assert not outputs.grad.any()


def test_frames_smaller_than_a_period_are_rejected():
    with pytest.raises(ValueError, match=r'\(8, 15\) are smaller .* 16'):
        grid_loss(torch.rand(1, 3, 8, 15), torch.rand(1, 3, 8, 15), 16)
