# Copyright (c) DKSAN-MM contributors.
"""The temporal loss against its definition, and where it is zero."""
import math

import numpy as np
import pytest
import torch

from dksan_mm.datasets import SyntheticMotion
from dksan_mm.models.losses.temporal_loss import temporal_loss
from dksan_mm.utils.resize import matlab_resize


def cubic(distance: float) -> float:
    """Compute Keys' kernel with a = -0.75, as in torch."""
    d = abs(distance)
    if d <= 1:
        return 1.25 * d**3 - 2.25 * d**2 + 1
    return -0.75 * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.


def read(image, channel, y, x) -> float:
    """Sample at a fractional position; zero outside the image."""
    total = 0.
    for row in range(math.floor(y) - 1, math.floor(y) + 3):
        for col in range(math.floor(x) - 1, math.floor(x) + 3):
            if 0 <= row < image.shape[1] and 0 <= col < image.shape[2]:
                total += cubic(y - row) * cubic(x - col) * float(
                    image[channel, row, col])
    return total


def by_definition(outputs, target, motion, factor) -> float:
    """Compute the loss in plain Python, with one motion per sample."""
    errors, total, count = outputs - target, 0., 0
    n, _, channels, h, w = errors.shape
    for i in range(n):
        dy, dx = (float(v) * factor for v in motion[i])
        for y in range(h):
            for x in range(w):
                if not (0 <= y + dy <= h - 1 and 0 <= x + dx <= w - 1):
                    continue
                count += 1
                total += sum(
                    abs(
                        read(errors[i, 1], c, y + dy, x + dx) -
                        float(errors[i, 0, c, y, x]))
                    for c in range(channels)) / channels
    return total / count


@pytest.mark.parametrize('factor', [1, 4])
def test_loss_is_that_of_the_definition(factor):
    torch.manual_seed(0)
    outputs, target = torch.rand(2, 2, 2, 3, 8, 12).double()
    motion = torch.tensor([[0.3, -0.55], [-0.4, 0.25]])
    motion = motion.double()
    grid = motion[:, :, None, None].expand(2, 2, 8 // factor, 12 // factor)
    loss = temporal_loss(outputs, target, grid)
    expected = by_definition(outputs, target, motion, factor)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_a_motion_that_differs_from_place_to_place_is_interpolated():
    """A zoom by 1.25 is linear between positions of the coarse grid."""
    target = torch.zeros(1, 2, 1, 32, 32)
    wave = torch.arange(32.) - 15.5
    outputs = target.clone()
    outputs[0, 1, 0] = torch.sin(wave / 4)[:, None]
    outputs[0, 0, 0] = torch.sin(1.25 * wave / 4)[:, None]
    place = torch.arange(8.) - 3.5
    grid = torch.stack(torch.meshgrid(place, place, indexing='ij'))
    zoom = 0.25 * grid[None]
    follows = temporal_loss(outputs, target, zoom)
    assert follows < 0.02
    assert temporal_loss(outputs, target, 0 * zoom) > 20 * follows
    assert temporal_loss(outputs, target, -zoom) > 20 * follows


def test_what_moves_with_the_scene_costs_nothing():
    """Invented detail of a rendered pair moves with the pair."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 256, (22, 22, 3)).astype(np.uint8)
    scene = matlab_resize(scene, 16)
    np.random.seed(3)
    moving = SyntheticMotion(
        160, ratio=1., ellipse=0., speed=(0.2, 0.8), pairs=True)
    out = moving(dict(gt=scene, img=[scene] * 7))
    seen = torch.from_numpy(np.stack(out['gt'])).permute(0, 3, 1, 2)[None]
    invented, nothing = seen.double() / 255, torch.zeros(1)
    flow = out['motion'][None, 3]
    follows = temporal_loss(invented, nothing.expand_as(invented), flow)
    stands = temporal_loss(invented, nothing.expand_as(invented), 0 * flow)
    assert follows < 0.1 * stands
    assert stands > 0.01


def test_a_pair_of_the_ground_truth_is_free_also_where_it_is_hidden():
    target = torch.rand(1, 2, 3, 8, 8)
    loss = temporal_loss(target, target, torch.ones(1, 2, 2, 2))
    assert loss == 0


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(1)
    outputs, target = torch.rand(2, 1, 2, 1, 4, 5, dtype=torch.float64)
    motion = torch.full((1, 2, 2, 2), 0.2)
    torch.autograd.gradcheck(lambda x: temporal_loss(x, target, motion),
                             outputs.requires_grad_())


def test_places_that_left_the_frame_do_not_count():
    outputs, target = torch.rand(1, 2, 3, 4, 4), torch.rand(1, 2, 3, 4, 4)
    assert temporal_loss(outputs, target, torch.full((1, 2, 1, 1), 2.)) == 0
