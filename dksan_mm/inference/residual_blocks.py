# Copyright (c) DKSAN-MM contributors.
"""Residual blocks in bands of rows."""
from typing import Any

import torch
from torch import Tensor, nn

from dksan_mm.models.layers import RCAB, ResidualBlockNoBN
from dksan_mm.models.utils import is_plain, is_untouched
from dksan_mm.ops.precision import has_autocast
from .bands import Layers, can_cut, reach, run_layers, spans, take_rows

Residual = dict[tuple[int, int], Tensor]  # by its first and last row


def can_cut_blocks(blocks: nn.Module) -> bool:
    """Return whether :func:`run_blocks` can replace a chain of blocks."""
    return type(blocks) is nn.Sequential and is_untouched(blocks) and all(
        map(can_cut_block, blocks))


def can_cut_block(block: nn.Module) -> bool:
    """Return whether a block and its layers are known."""
    if not is_untouched(block) or type(block) not in (RCAB, ResidualBlockNoBN):
        return False
    if type(block) is RCAB:
        pool = block.attention[0]
        known = all(map(is_plain, (block.body, block.attention, pool))) and \
            type(pool) is nn.AdaptiveAvgPool2d and pool.output_size == 1
        if not known:
            return False
    return can_cut(body_of(block)) and reach(body_of(block)) <= 2


def body_of(block: nn.Module) -> Layers:
    """Return the layers that compute a block's residual."""
    if type(block) is ResidualBlockNoBN:
        return block.conv1, block.relu, block.conv2
    body: nn.Sequential = _parts_of(block).body
    return body


def _parts_of(block: nn.Module) -> Any:
    """Return the block as Any: nn.Module does not type its submodules."""
    return block


def run_blocks(blocks: nn.Sequential, x: Tensor, pixels: int,
               means: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """Apply a chain of residual blocks.

    Only two full-size feature maps are kept for any number of blocks: the
    running sum and the latest residual, which is added once its channel means
    over the frame are known.

    Args:
        blocks (nn.Sequential): Blocks accepted by :func:`can_cut_blocks`.
        x (Tensor[n, channels, h, w]): Input features.
        pixels (int): Approximate number of pixels of a band.
        means (list[Tensor], optional): Channel means ``(n, channels, 1, 1)``
            of each block, used instead of the feature map's own.

    Returns:
        tuple: Output features, a new tensor, and the feature map's own means.
    """
    total, sums, step, found = x, accumulator(x), None, []
    for i, block in enumerate(blocks):
        residual, mean = _make_residual(block, x, step, pixels)
        found.append(mean)
        factor = _factor(block, means[i] if means else mean)
        step = _Step(residual, factor, total, sums)
        total = sums
    if step is None:
        return x.clone(), found
    for band in spans(x.shape[2], x.shape[3], pixels):
        step.add(band)
    return step.total, found


class _Step:
    """Residual of a block that has not been added yet.

    Args:
        bands (Residual): Rows of the residual.
        factor (Tensor[n, channels, 1, 1]): Factor of the residual.
        source (Tensor[n, channels, h, w]): Input of the block.
        total (Tensor[n, channels, h, w]): Output of the block; may be
            ``source``.
    """

    def __init__(self, bands: Residual, factor: Tensor, source: Tensor,
                 total: Tensor) -> None:
        self.bands, self.factor = bands, factor
        self.source, self.total = source, total

    def add(self, band: tuple[int, int]) -> None:
        """Add one band and release it."""
        rows = slice(*band)
        _add_scaled(self.source[:, :, rows], self.bands.pop(band), self.factor,
                    self.total[:, :, rows])


def _make_residual(block: nn.Module, x: Tensor, last: _Step | None,
                   pixels: int) -> tuple[Residual, Tensor]:
    """Add the previous residual to its input and compute this block's.

    Returns:
        tuple: Bands of the residual and its mean over the frame.
    """
    total = x if last is None else last.total
    height, width = total.shape[2:]
    dtype = torch.promote_types(total.dtype, torch.float32)
    bands = spans(height, width, pixels)
    sums, residual = total.new_zeros((), dtype=dtype), Residual()
    for i, (start, stop) in enumerate(bands):
        if last is not None:  # this band reads rows of the next one
            for band in bands[i + (i > 0):i + 2]:
                last.add(band)
        rows = run_layers(body_of(block), take_rows(total, start, stop, 2))
        residual[start, stop] = rows.crop(start, stop)
        sums = sums + residual[start, stop].sum((2, 3), True, dtype=dtype)
    return residual, sums / (height * width)


def _factor(block: nn.Module, mean: Tensor) -> Tensor:
    """Compute the scaling factor of a block's residual."""
    if type(block) is ResidualBlockNoBN:
        return torch.full_like(mean, block.res_scale)
    layers = _parts_of(block).attention[1:]
    factor: Tensor = layers(mean.to(layers[0].weight.dtype))
    return factor


def extract(extractor: nn.Sequential, frame: Tensor, pixels: int) -> Tensor:
    """Extract the features of a level's frame: a convolution and a block.

    Args:
        extractor (nn.Sequential): Accepted by :func:`can_cut_extractor`.
        frame (Tensor[n, 3, h, w]): RGB, about [0, 1].
        pixels (int): Approximate number of pixels of a band.

    Returns:
        Tensor[n, channels, h, w]: Features.
    """
    conv, block = extractor
    alpha: Any = block.res_scale
    frame = frame.contiguous(memory_format=torch.channels_last)
    features = frame.new_empty(0)
    for start, stop in spans(frame.shape[2], frame.shape[3], pixels):
        rows = run_layers([conv], take_rows(frame, start, stop, 3))
        residual = run_layers(body_of(block), rows)
        if start == 0:
            features = torch.empty((*rows.data.shape[:2], *frame.shape[2:]),
                                   dtype=rows.data.dtype,
                                   device=frame.device,
                                   memory_format=torch.channels_last)
        torch.add(
            rows.crop(start, stop),
            residual.crop(start, stop),
            alpha=alpha,
            out=features[:, :, start:stop])
    return features


def can_cut_extractor(extractor: nn.Module) -> bool:
    """Return whether :func:`extract` can replace an extractor."""
    return isinstance(extractor, nn.Sequential) and len(extractor) == 2 and \
        can_cut([extractor[0]]) and reach([extractor[0]]) <= 1 and \
        type(extractor[1]) is ResidualBlockNoBN and can_cut_block(extractor[1])


def accumulator(x: Tensor) -> Tensor:
    """Empty tensor for sums: channels last, float32 under autocast."""
    half = has_autocast(x)
    return torch.empty_like(
        x,
        dtype=torch.float32 if half else x.dtype,
        memory_format=torch.channels_last)


def _add_scaled(source: Tensor, residual: Tensor, factor: Tensor,
                total: Tensor) -> None:
    """Compute ``total = source + residual * factor``; it may be ``source``."""
    if source.dtype == total.dtype == residual.dtype == factor.dtype:
        torch.addcmul(source, residual, factor, out=total)
    else:
        torch.add(source, residual * factor, out=total)
