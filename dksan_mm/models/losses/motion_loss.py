# Copyright (c) DKSAN-MM contributors.
"""A loss on the offsets of an alignment, where the motion is known."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def watch_offsets(predictor: nn.Module | None) -> Iterator[list[Tensor]]:
    """Collect what an offset predictor puts out.

    Args:
        predictor (nn.Module, optional): Puts out ``(m, 27 * groups, h, w)``:
            18 offsets, then 9 masks, of each deformable group. None: nothing
            is collected.

    Yields:
        list[Tensor]: To which each output is added.
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
    """Measure how far an alignment's offsets are from known motion.

    *Chosen here*: the mean over all taps and groups of the offsets of a place
    is where it looks; around that mean, taps may spread as they like.

    Args:
        outputs (Tensor[n * t, 27 * groups, h, w]): Of the offset predictor,
            for all frames of all windows; offsets (dy, dx) in pixels.
        motion (Tensor[n, t, 2, h, w]): (dy, dx) from a place in the centre
            frame to the same thing in each frame, in the same pixels; NaN
            where it is not known.

    Returns:
        Tensor: The mean absolute error, in pixels, errors being 0 where the
        motion is not known; a scalar.

    Raises:
        ValueError: If the shapes do not fit.
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
