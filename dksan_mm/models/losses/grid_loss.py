# Copyright (c) DKSAN-MM contributors.
"""Loss on grid patterns that upscaling layers leave in every frame."""
from torch import Tensor


def grid_loss(outputs: Tensor,
              target: Tensor,
              period: int,
              area: int | None = None) -> Tensor:
    """Measure the mean error at each position within an LR pixel.

    *Chosen here*: a PixelShuffle computes each of these positions by separate
    filters. When a GAN loss rewards sharpness rather than accuracy, some
    positions become brighter or darker than their neighbours. The result is a
    grid, visible in flat regions but hardly penalized by perceptual losses.
    Scenes are not aligned to this grid, so the errors at each position must
    cancel out over a batch. A grid whose sign varies within the image cancels
    out over the batch, but not within an ``area``.

    Args:
        outputs (Tensor[n, c, h, w]): Output frames.
        target (Tensor[n, c, h, w]): Ground truth.
        period (int): Period of the grid in pixels, i.e. the scale factor.
        area (int, optional): Side of the squares within which errors must
            cancel out, a multiple of the period. Default: the whole batch.

    Returns:
        Tensor: Root mean square of the mean errors over positions, channels
        and areas; a scalar. It includes a mean error common to all positions,
        i.e. a colour shift.

    Raises:
        ValueError: If the frames are smaller than a period or an area, or the
            area is not a multiple of the period.
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
    # The square root has no gradient at zero.
    return (pattern.square().mean() + 1e-12).sqrt()
