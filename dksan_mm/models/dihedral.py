# Copyright (c) DKSAN-MM contributors.
"""Flips and rotations of frames, and the mean result over all of them."""
from collections.abc import Callable

import torch
from torch import Tensor

#: The 8 flips and rotations of a frame as pairs (transposed, flips). Bit 0 of
#: flips is vertical and bit 1 horizontal. The first pair is the identity.
TRANSFORMS = tuple((t, f) for t in (0, 1) for f in range(4))


def transform(x: Tensor, transposed: int, flips: int) -> Tensor:
    """Flip, then transpose the last two axes."""
    axes = [axis for bit, axis in ((1, -2), (2, -1)) if flips & bit]
    x = x.flip(axes) if axes else x
    return x.transpose(-2, -1) if transposed else x


def transform_back(x: Tensor, transposed: int, flips: int) -> Tensor:
    """Invert :func:`transform`."""
    x = x.transpose(-2, -1) if transposed else x
    return transform(x, 0, flips)


def run_ensemble(run: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    """Average the results of a function over the 8 flips and rotations.

    Args:
        run (Callable): Function of frames that returns frames, whose last two
            axes are height and width.
        frames (Tensor[..., h, w]): Frames.

    Returns:
        Tensor: The mean of the results, in the orientation of the input.
    """
    total = torch.zeros((), dtype=frames.dtype, device=frames.device)
    for pair in TRANSFORMS:
        total = total + transform_back(run(transform(frames, *pair)), *pair)
    return total / len(TRANSFORMS)
