# Copyright (c) DKSAN-MM contributors.
import math

import pytest
import torch

from dksan_mm.models.losses.grid_loss import grid_loss


def by_definition(outputs, target, period) -> float:
    """Compute the loss in plain Python."""
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


def test_a_grid_in_one_place_is_found_within_its_area():
    target = torch.rand(2, 3, 32, 32)
    grid = torch.zeros(2, 3, 32, 32)
    for top, sign in ((0, 1), (16, -1)):  # they cancel out in the mean
        grid[0, :, top:top + 16:4, :16] = sign * 0.1
        grid[0, :, top + 2:top + 16:4, :16] = -sign * 0.1
    assert grid_loss(target + grid, target, 4) < 1e-5
    # Half of the pixels of a quarter of all areas.
    assert grid_loss(target + grid, target, 4, 16).item() == pytest.approx(
        0.1 * math.sqrt(1 / 2 / 4), rel=1e-4)


@pytest.mark.parametrize('size', [(8, 8), (9, 15)])
def test_an_area_is_a_frame_of_its_own(size):
    torch.manual_seed(0)
    outputs, target = torch.rand(2, 2, 3, *size, dtype=torch.float64)
    squares = [
        grid_loss(outputs[i:i + 1, ..., :8, :8], target[i:i + 1, ..., :8, :8],
                  4)**2 for i in range(2)
    ]
    expected = (sum(squares) / 2).sqrt()
    torch.testing.assert_close(grid_loss(outputs, target, 4, 8), expected)


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
    frames = torch.rand(1, 3, 8, 15)
    with pytest.raises(ValueError, match=r'\(8, 15\) are smaller .* 16'):
        grid_loss(frames, frames, 16)
    with pytest.raises(ValueError, match=r'\(8, 15\) are smaller .* 12'):
        grid_loss(frames, frames, 4, 12)
    with pytest.raises(ValueError, match='multiple of 4, got 6'):
        grid_loss(frames, frames, 4, 6)
