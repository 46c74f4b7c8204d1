# Copyright (c) DKSAN-MM contributors.
"""Evaluation in bands of rows, which saves memory and time.

The last level of an x16 cascade works on maps of 64 pixels for each LR pixel.
Made one after the other at full size, its layers' outputs are new memory that
the system hands out page by page, and leave the cache before they are used.
Where no gradients are wanted, the modules of this package therefore run their
chains of 3x3 convolutions band by band: each band with the rows around it
that its convolutions read, zeros only beyond the frame. The result is that of
whole maps, up to rounding.
"""
import contextlib
from typing import Iterator, List, NamedTuple, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pixels of a band: with 128 channels 16 MB, larger than a core's cache, but
# so that few rows are computed twice. Chosen by measurement on a CPU.
BAND_PIXELS = 32768

_whole = False


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


@contextlib.contextmanager
def whole_maps() -> Iterator[None]:
    """Evaluate as in training: each layer on the whole map."""
    global _whole
    before, _whole = _whole, True
    try:
        yield
    finally:
        _whole = before


def in_bands() -> bool:
    """Whether to work in bands: no gradients wanted, nothing compiled."""
    return not (_whole or torch.is_grad_enabled()
                or torch.compiler.is_compiling())


def spans(height: int, width: int) -> List[Tuple[int, int]]:
    """First and last row (exclusive) of each band, all about equally high.

    At least 2 rows, the reach of a residual block, if the map has as many.
    """
    count = -(-height * width // BAND_PIXELS)
    count = min(count, max(height // 2, 1))
    edges = [height * i // count for i in range(count + 1)]
    return list(zip(edges[:-1], edges[1:]))


def take_rows(x: Tensor, start: int, stop: int, margin: int = 0) -> Rows:
    """Rows of a map and ``margin`` more on each side, where there are any."""
    height = x.shape[2]
    top, bottom = max(start - margin, 0), min(stop + margin, height)
    return Rows(x[:, :, top:bottom], top, height)


def run_layers(layers: Sequence[nn.Module], rows: Rows) -> Rows:
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


def add_scaled(total: Tensor, residual: Tensor, factor: Tensor) -> None:
    """``total += residual * factor``, in place."""
    if total.dtype == residual.dtype == factor.dtype:
        total.addcmul_(residual, factor)
    else:
        total.add_(residual * factor)


def accumulator(x: Tensor) -> Tensor:
    """A copy to add residuals to: channels last, float32 under autocast."""
    half = torch.is_autocast_enabled(x.device.type)
    return x.to(
        torch.float32 if half else x.dtype,
        copy=True,
        memory_format=torch.channels_last)
