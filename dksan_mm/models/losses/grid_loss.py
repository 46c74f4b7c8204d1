# Copyright (c) DKSAN-MM contributors.
"""A loss on patterns that an upscaling layer leaves in every frame."""
from torch import Tensor


def grid_loss(outputs: Tensor, target: Tensor, period: int) -> Tensor:
    """Measure the mean error of each place within an LR pixel.

    *Chosen here*: each of the places that a PixelShuffle makes of one pixel
    has filters of its own. Where pixels need not be right but look sharp,
    these become lighter or darker than their neighbours: a grid, which eyes
    see in flat parts and perceptual distances do not mind. No scene lies on
    that grid, so that over a batch the errors of a place must cancel out.

    Args:
        outputs (Tensor[n, c, h, w]): Frames.
        target (Tensor[n, c, h, w]): Their ground truth.
        period (int): Distance of places that are alike: the scale.

    Returns:
        Tensor: The root mean square, over the places and channels, of their
        mean errors; a scalar. A mean error of all places, a shift of colour,
        counts too.

    Raises:
        ValueError: If the frames are smaller than a period.
    """
    h, w = (size // period * period for size in outputs.shape[-2:])
    if not h or not w:
        raise ValueError(f'frames of {tuple(outputs.shape[-2:])} are smaller '
                         f'than a period of {period}')
    error = (outputs - target).float()[..., :h, :w]
    tiles = error.unflatten(-1, (-1, period)).unflatten(-3, (-1, period))
    pattern = tiles.mean((0, 2, 4))
    # The root of zero has no gradient.
    return (pattern.square().mean() + 1e-12).sqrt()
