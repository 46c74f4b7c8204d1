# Copyright (c) DKSAN-MM contributors.
"""Loss on the offsets of an alignment where the motion is known."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def watch_offsets(predictor: nn.Module | None) -> Iterator[list[Tensor]]:
    """Collect the outputs of an offset predictor.

    Args:
        predictor (nn.Module, optional): Module with output ``(m, 27 * groups,
            h, w)``: 18 offsets, then 9 masks, of each deformable group. None:
            nothing is collected.

    Yields:
        list[Tensor]: List to which each output is appended.
    """
    seen: list[Tensor] = []
    if predictor is None:
        yield seen
        return
    handle = predictor.register_forward_hook(
        lambda module, inputs, output: seen.append(output))
    try:
        yield seen
    finally:
        handle.remove()


def motion_loss(outputs: Tensor, motion: Tensor) -> Tensor:
    """Measure the error of an alignment's offsets against known motion.

    *Chosen here*: only the mean offset over all taps and groups of a position
    is compared with the motion; the taps may spread freely around it.

    Args:
        outputs (Tensor[n * t, 27 * groups, h, w]): Outputs of the offset
            predictor for all frames of all windows; (dy, dx) in pixels.
        motion (Tensor[n, t, 2, h, w]): (dy, dx) from each position in the
            centre frame to the corresponding one in each frame, in the same
            pixels; NaN where unknown.

    Returns:
        Tensor: Mean absolute error in pixels, where errors at unknown motion
        count as 0; a scalar.

    Raises:
        ValueError: If the shapes do not match.
    """
    taps = outputs.shape[1] // 3
    motion = motion.flatten(0, 1)
    if outputs.shape[1] % 27 or outputs.shape[2:] != motion.shape[2:] or \
            len(outputs) != len(motion) or motion.shape[1] != 2:
        raise ValueError(f'offsets {tuple(outputs.shape)} do not fit a motion '
                         f'{tuple(motion.shape)}')
    offsets = outputs[:, :2 * taps].unflatten(1, (taps, 2)).mean(1)
    known = ~motion.isnan()
    error = offsets.float() - torch.where(known, motion, 0.)
    return torch.where(known, error.abs(), 0.).mean()
