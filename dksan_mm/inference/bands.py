# Copyright (c) DKSAN-MM contributors.
"""Chains of convolutions in bands of rows, to save memory and time.

The last level of an x16 cascade works on 64 pixels for each LR pixel. At full
size, each layer's output is newly allocated page by page and leaves the cache
before it is read again. In evaluation, chains of 3x3 convolutions therefore
run band by band. Each band includes the surrounding rows that its convolutions
read, with zero padding only outside the frame. The result equals that of whole
feature maps up to rounding.
"""
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.models.utils import is_plain

# Layers that work on each pixel separately.
POINTWISE = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.PReLU)

Layers = Sequence[nn.Module] | nn.Sequential


class Rows(NamedTuple):
    """Consecutive rows of a feature map.

    Attributes:
        data (Tensor[n, c, rows, w]): The rows.
        top (int): Index of the first row.
        height (int): Number of rows of the whole feature map.
    """
    data: Tensor
    top: int
    height: int

    def crop(self, start: int, stop: int) -> Tensor:
        """Return rows ``start`` to ``stop`` (exclusive) of the feature map."""
        return self.data[:, :, start - self.top:stop - self.top]


def spans(height: int, width: int, pixels: int) -> list[tuple[int, int]]:
    """Return start and stop row of each band; heights are nearly equal.

    A band has at least 2 rows, the reach of a residual block, if possible.

    Args:
        height (int): Number of rows of the feature map.
        width (int): Number of pixels of a row.
        pixels (int): Approximate number of pixels of a band.
    """
    count = -(-height * width // pixels)
    count = min(count, max(height // 2, 1))
    edges = [height * i // count for i in range(count + 1)]
    return list(zip(edges[:-1], edges[1:]))


def take_rows(x: Tensor, start: int, stop: int, margin: int = 0) -> Rows:
    """Take rows and up to ``margin`` more on each side within the map."""
    height = x.shape[2]
    top, bottom = max(start - margin, 0), min(stop + margin, height)
    return Rows(x[:, :, top:bottom], top, height)


def can_cut(layers: Layers) -> bool:
    """Return whether :func:`run_layers` can replace a chain of layers."""
    return all(
        is_plain(layer) and (type(layer) in (*POINTWISE,
                                             nn.PixelShuffle) or _fits(layer))
        for layer in layers)


def _fits(conv: nn.Module) -> bool:
    """Return whether a layer is a convolution that keeps the input size."""
    return type(conv) is nn.Conv2d and conv.padding_mode == 'zeros' and (
        conv.kernel_size, conv.padding) in (((1, 1), (0, 0)),
                                            ((3, 3), (1, 1))) and \
        conv.stride == conv.dilation == (1, 1) and conv.groups == 1


def reach(layers: Layers) -> int:
    """Return how many input rows above and below an output row it needs."""
    rows, scale = 0., 1
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            rows += int(layer.padding[0]) / scale
        elif isinstance(layer, nn.PixelShuffle):
            scale *= layer.upscale_factor
    return math.ceil(rows)


def run_layers(layers: Layers, rows: Rows) -> Rows:
    """Apply 1x1 and padded 3x3 convolutions, PixelShuffles, activations.

    Args:
        layers (Sequence[nn.Module]): Layers in order.
        rows (Rows): Input rows.

    Returns:
        Rows: Output rows that the input determines: a 3x3 convolution drops
        one row at each end that is not an edge of the frame.
    """
    for layer in layers:
        data, top, height = rows
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            rows = _convolve(layer, rows)
        elif isinstance(layer, nn.PixelShuffle):
            factor = layer.upscale_factor
            rows = Rows(layer(data), factor * top, factor * height)
        else:
            rows = Rows(layer(data), top, height)
    return rows


def _convolve(conv: nn.Conv2d, rows: Rows) -> Rows:
    """Apply a 3x3 convolution, with zero padding only outside the frame."""
    data, top, height = rows
    above, below = top == 0, top + data.shape[2] == height
    padding = (int(above or below), 1)
    out = F.conv2d(data, conv.weight, conv.bias, 1, padding)
    if above != below:  # the padded row at the inner end is wrong
        out = out[:, :, :-1] if above else out[:, :, 1:]
    return Rows(out, top + (not above), height)


def scale_of(layers: Layers) -> int:
    """Return the number of output rows per input row."""
    return math.prod(
        layer.upscale_factor for layer in layers
        if isinstance(layer, nn.PixelShuffle))


def add_chain(layers: Layers, x: Tensor, pixels: int, total: Tensor) -> None:
    """Add the output of a chain of layers to a feature map, band by band.

    Args:
        layers (Sequence[nn.Module]): Chain accepted by :func:`can_cut`.
        x (Tensor[n, c, h, w]): Input feature map.
        pixels (int): Approximate number of pixels of a band.
        total (Tensor): Feature map of the size of the output, changed in
            place.
    """
    scale, margin = scale_of(layers), reach(layers)
    for start, stop in spans(x.shape[2], x.shape[3], pixels):
        rows = run_layers(layers, take_rows(x, start, stop, margin))
        start, stop = scale * start, scale * stop
        total[:, :, start:stop] += rows.crop(start, stop)
