# Copyright (c) DKSAN-MM contributors.
"""A loss on what flickers between two frames, where the motion is known."""
import torch
import torch.nn.functional as F
from torch import Tensor


def temporal_loss(outputs: Tensor, target: Tensor, motion: Tensor) -> Tensor:
    """Measure how much the error of a moving thing changes between frames.

    *Chosen here*: the earlier frame's error, moved to where things are in the
    later one, is compared with that one's error. Detail that is invented is
    an error; it costs nothing as long as it moves with the scene. What is
    hidden in one of the frames has errors of its own in both the outputs and
    the ground truth; it counts, but teaches nothing.

    Args:
        outputs (Tensor[n, 2, c, h, w]): The frame that motion starts from,
            and the one before it.
        target (Tensor[n, 2, c, h, w]): Their ground truth.
        motion (Tensor[n, 2, k, l]): (dy, dx) from a place in the former to
            the same thing in the latter, in pixels of its own grid, which is
            coarser by ``h / k``.

    Returns:
        Tensor: The mean absolute difference over all places that are in both
        frames; a scalar.
    """
    error = outputs - target
    error = error.to(torch.promote_types(error.dtype, torch.float32))
    places, inside = _moved_places(motion.to(error.dtype), *error.shape[-2:])
    moved = F.grid_sample(
        error[:, 1], places, mode='bicubic', align_corners=False)
    difference = (moved - error[:, 0]).abs().mean(1)
    return (difference * inside).sum() / inside.sum().clamp(min=1)


def _moved_places(motion: Tensor, height: int,
                  width: int) -> tuple[Tensor, Tensor]:
    """Places (x, y) in [-1, 1] to look at, and whether they are inside."""
    sizes = motion.new_tensor([height, width])
    # A share of the frame's size is the same on every grid.
    coarse = motion.new_tensor(motion.shape[-2:])
    flow = F.interpolate(
        motion / coarse.view(1, 2, 1, 1), (height, width),
        mode='bilinear',
        align_corners=False)
    axes = [
        (2 * torch.arange(size, dtype=motion.dtype, device=motion.device) + 1)
        / size - 1 for size in (height, width)
    ]
    grid = torch.stack(torch.meshgrid(*axes, indexing='ij'))
    places = grid + 2 * flow
    edge = (1 - 1 / sizes).view(1, 2, 1, 1)
    inside = (places.abs() <= edge).all(1)
    return places.flip(1).permute(0, 2, 3, 1), inside
