# Copyright (c) DKSAN-MM contributors.
"""Chains of convolutions in bands of rows, which saves memory and time.

The last level of an x16 cascade works on maps of 64 pixels for each LR pixel.
Made one after the other at full size, its layers' outputs are new memory that
the system hands out page by page, and leave the cache before they are used.
In evaluation, chains of 3x3 convolutions therefore run band by band: each
band with the rows around it that its convolutions read, zeros only beyond the
frame. The result is that of whole maps, up to rounding.
"""
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.models.utils import is_plain

# Layers that work on each pixel by itself.
POINTWISE = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.PReLU)

Layers = Sequence[nn.Module] | nn.Sequential


class Rows(NamedTuple):
    """Some rows of a map.

    Attributes:
        data (Tensor[n, c, rows, w]): The rows.
        top (int): Number of the first one.
        height (int): Rows of the map.
    """
    data: Tensor
    top: int
    height: int

    def crop(self, start: int, stop: int) -> Tensor:
        """Rows ``start`` to ``stop`` of the map."""
        return self.data[:, :, start - self.top:stop - self.top]


def spans(height: int, width: int, pixels: int) -> list[tuple[int, int]]:
    """First and last row (exclusive) of each band, all about equally high.

    At least 2 rows, the reach of a residual block, if the map has as many.

    Args:
        height (int): Rows of the map.
        width (int): Pixels of a row.
        pixels (int): Pixels of a band, about.
    """
    count = -(-height * width // pixels)
    count = min(count, max(height // 2, 1))
    edges = [height * i // count for i in range(count + 1)]
    return list(zip(edges[:-1], edges[1:]))


def take_rows(x: Tensor, start: int, stop: int, margin: int = 0) -> Rows:
    """Rows of a map and ``margin`` more on each side, where there are any."""
    height = x.shape[2]
    top, bottom = max(start - margin, 0), min(stop + margin, height)
    return Rows(x[:, :, top:bottom], top, height)


def can_cut(layers: Layers) -> bool:
    """Return whether :func:`run_layers` may take the place of a chain."""
    return all(
        is_plain(layer) and (type(layer) in (*POINTWISE,
                                             nn.PixelShuffle) or _fits(layer))
        for layer in layers)


def _fits(conv: nn.Module) -> bool:
    """Return whether it is a convolution that keeps the size of its input."""
    return type(conv) is nn.Conv2d and conv.padding_mode == 'zeros' and (
        conv.kernel_size, conv.padding) in (((1, 1), (0, 0)),
                                            ((3, 3), (1, 1))) and \
        conv.stride == conv.dilation == (1, 1) and conv.groups == 1


def reach(layers: Layers) -> int:
    """Rows of the input, above and below, that a row of the output needs."""
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
        layers (Sequence[nn.Module]): In order.
        rows (Rows): The input.

    Returns:
        Rows: Those rows of the output that the input determines: a 3x3
        convolution takes one off at each end that is not the frame's.
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
    """A 3x3 convolution of stride 1, zeros beyond the frame alone."""
    data, top, height = rows
    above, below = top == 0, top + data.shape[2] == height
    padding = (int(above or below), 1)
    out = F.conv2d(data, conv.weight, conv.bias, 1, padding)
    if above != below:  # one end is not the frame's: its row is wrong
        out = out[:, :, :-1] if above else out[:, :, 1:]
    return Rows(out, top + (not above), height)


def scale_of(layers: Layers) -> int:
    """Rows of the output for each row of the input."""
    return math.prod(
        layer.upscale_factor for layer in layers
        if isinstance(layer, nn.PixelShuffle))


def run_chain(layers: Layers, x: Tensor, pixels: int) -> Tensor:
    """Apply a chain to a whole map, band by band.

    Args:
        layers (Sequence[nn.Module]): A chain that :func:`can_cut` allows.
        x (Tensor[n, c, h, w]): The input.
        pixels (int): Pixels of a band.

    Returns:
        Tensor: The output.
    """
    scale, margin = scale_of(layers), reach(layers)
    return torch.cat([
        run_layers(layers, take_rows(x, start, stop, margin)).crop(
            scale * start, scale * stop)
        for start, stop in spans(x.shape[2], x.shape[3], pixels)
    ], 2)
