# Copyright (c) DKSAN-MM contributors.
"""Padding of frames to sizes that a network supports."""
import torch.nn.functional as F
from torch import Tensor, nn


def size_divisor(network: nn.Module) -> int:
    """Return the number that height and width of a network's LR divide by.

    Args:
        network (nn.Module): Network; without ``size_divisor`` it takes frames
            of any size.
    """
    return getattr(network, 'size_divisor', 1)


def pad_frames(frames: Tensor, divisor: int) -> Tensor:
    """Pad right and bottom to multiples: reflect, or replicate if small.

    Args:
        frames (Tensor[n, t, c, h, w]): Frames.
        divisor (int): Divisor of the padded height and width.

    Returns:
        Tensor[n, t, c, h', w']: Padded frames; the input if none is needed.
    """
    h, w = frames.shape[-2:]
    bottom, right = -h % divisor, -w % divisor
    if not bottom and not right:
        return frames
    mode = 'reflect' if bottom < h and right < w else 'replicate'
    padded = F.pad(frames.flatten(0, 1), (0, right, 0, bottom), mode=mode)
    return padded.unflatten(0, frames.shape[:2])
