# Copyright (c) DKSAN-MM contributors.
"""A loss on patterns that an upscaling layer leaves in every frame."""
from torch import Tensor


def grid_loss(outputs: Tensor,
              target: Tensor,
              period: int,
              area: int | None = None) -> Tensor:
    """Measure the mean error of each place within an LR pixel.

    *Chosen here*: each of the places that a PixelShuffle makes of one pixel
    has filters of its own. Where pixels need not be right but look sharp,
    these become lighter or darker than their neighbours: a grid, which eyes
    see in flat parts and perceptual distances do not mind. No scene lies on
    that grid, so that over a batch the errors of a place must cancel out.
    A grid that follows the picture, lighter here and darker there, cancels
    out, too: within an ``area`` it cannot.

    Args:
        outputs (Tensor[n, c, h, w]): Frames.
        target (Tensor[n, c, h, w]): Their ground truth.
        period (int): Distance of places that are alike: the scale.
        area (int, optional): Side of the squares within which errors must
            cancel out, a multiple of the period. Default: over the batch.

    Returns:
        Tensor: The root mean square, over the places, channels and areas, of
        their mean errors; a scalar. A mean error of all places, a shift of
        colour, counts too.

    Raises:
        ValueError: If the frames are smaller than a period or an area, or the
            area is no multiple.
    """
    if area is not None and area % period:
        raise ValueError(f'area must be a multiple of {period}, got {area}')
    step = area or period
    h, w = (size // step * step for size in outputs.shape[-2:])
    if not h or not w:
        raise ValueError(f'frames of {tuple(outputs.shape[-2:])} are smaller '
                         f'than {step}')
    error = (outputs - target).float()[..., :h, :w]
    tiles = error.unflatten(-1, (-1, period)).unflatten(-3, (-1, period))
    if area is None:
        pattern = tiles.mean((0, 2, 4))
    else:
        count = area // period
        tiles = tiles.unflatten(4, (-1, count)).unflatten(2, (-1, count))
        pattern = tiles.mean((3, 6))
    # The root of zero has no gradient.
    return (pattern.square().mean() + 1e-12).sqrt()
