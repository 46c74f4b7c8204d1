# Copyright (c) DKSAN-MM contributors.
"""Bicubic x2 of frames, for evaluation."""
import torch
import torch.nn.functional as F
from torch import Tensor

from dksan_mm.models.layers import upsample2

# torch's cubic kernel (a = -0.75) at a quarter pixel from a sample, exactly.
# Row 2i of the output lies a quarter above row i, and is a sum of rows i - 2
# to i + 1. Row 2i + 1 is its mirror image.
_TAPS = (-9 / 256, 67 / 256, 225 / 256, -27 / 256)


def fast_upsample2(frame: Tensor) -> Tensor:
    """Upscale a frame x2 like :func:`~dksan_mm.models.layers.upsample2`.

    On a CPU, rows and columns are filtered separately, as sums of shifted
    planes. This takes a third of the time of torch's operator, which computes
    16 products for each output pixel. The results are equal up to rounding.
    Gradients are not supported.

    Args:
        frame (Tensor[n, c, h, w]): Frame of any value range.

    Returns:
        Tensor[n, c, 2h, 2w]: Upscaled frame, contiguous.
    """
    known = frame.dtype in (torch.float32, torch.float64)
    if frame.device.type != 'cpu' or not known:
        return upsample2(frame)
    n, c, h, w = frame.shape
    rows = frame.new_empty(n, c, h, 2, w)
    padded = F.pad(frame.contiguous(), (0, 0, 2, 2), 'replicate')
    for phase, out in enumerate(rows.unbind(3)):
        _filter(padded, 2, phase, out)
    padded = F.pad(rows.view(n, c, 2 * h, w), (2, 2, 0, 0), 'replicate')
    pixels = frame.new_empty(n, c, 2 * h, w, 2)
    column = frame.new_empty(n, c, 2 * h, w)
    for phase, out in enumerate(pixels.unbind(4)):
        # Contiguous first: strided sums are not vectorised.
        _filter(padded, 3, phase, column)
        out.copy_(column)
    return pixels.view(n, c, 2 * h, 2 * w)


def _filter(padded: Tensor, dim: int, phase: int, out: Tensor) -> None:
    """Compute every second row or column from one with 2 more at each end."""
    taps = _TAPS[::-1] if phase else _TAPS
    first, *others = (
        padded.narrow(dim, phase + i, out.shape[dim]) for i in range(4))
    torch.mul(first, taps[0], out=out)
    for shifted, tap in zip(others, taps[1:]):
        out.add_(shifted, alpha=tap)
