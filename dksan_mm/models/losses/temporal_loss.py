# Copyright (c) DKSAN-MM contributors.
"""Loss on flicker between two frames where the motion is known."""
import torch
import torch.nn.functional as F
from torch import Tensor


def temporal_loss(outputs: Tensor, target: Tensor, motion: Tensor) -> Tensor:
    """Measure how much errors change between frames along the motion.

    *Chosen here*: the error of the earlier frame is warped to the later frame
    and compared with the error there. Invented detail is an error, but it has
    no cost as long as it moves with the scene. Content that is hidden in one
    of the frames has unrelated errors; it adds to the loss but teaches
    nothing.

    Args:
        outputs (Tensor[n, 2, c, h, w]): Frame from which the motion starts,
            and the frame before it.
        target (Tensor[n, 2, c, h, w]): Ground truth of both.
        motion (Tensor[n, 2, k, l]): (dy, dx) from each position in the first
            to the corresponding one in the second, in pixels of the motion's
            own grid, which is coarser by ``h / k``.

    Returns:
        Tensor: Mean absolute difference over all positions that are inside
        both frames; a scalar.
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
    """Return sampling positions (x, y) in [-1, 1] and which are inside."""
    sizes = motion.new_tensor([height, width])
    # Motion relative to the frame size is the same on every grid.
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
