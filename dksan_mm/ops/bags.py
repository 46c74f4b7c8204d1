# Copyright (c) DKSAN-MM contributors.
"""Bilinear reading in pure torch, as weighted sums of four rows.

torch's ``embedding_bag`` reads and adds the rows without copying them. The
indices and weights of the rows are computed in planes, ``(offset group, tap,
pixel)``, with the pixels of a band next to each other.
"""
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import Geometry


class Split(NamedTuple):
    """Coordinates along one axis.

    Attributes:
        low (Tensor[...]): The whole number below, int64.
        fraction (Tensor[...]): The rest, with its gradient.
    """
    low: Tensor
    fraction: Tensor


def planes(tensor: Tensor, size: int) -> Tensor:
    """Turn ``(n, k * size, h, w)`` into ``(k, size, n * h * w)``."""
    whole = tensor.transpose(0, 1).flatten(1)
    parts: Tensor = whole.unflatten(0, (-1, size))
    return parts


def from_planes(tensor: Tensor, like: Tensor) -> Tensor:
    """Reverse :func:`planes`, to the shape of ``like``."""
    n, _, h, w = like.shape
    maps: Tensor = tensor.flatten(0, 1).unflatten(1, (n, h, w))
    return maps.transpose(0, 1)


class ImageReader:
    """Reader of the images at the taps of a band of output pixels.

    Args:
        band (slice): Output pixels, numbered over the batch.
        offset (Tensor[GK, 2, p], optional): Their image offsets.
        mask (Tensor[GK, 1, p], optional): Factors of the taps.
        size (tuple[int, int]): Rows and columns of an image.
        geometry (Geometry): Settings.
        like (Tensor): Has the type and the device.
    """

    def __init__(self, band: slice, offset: Tensor | None, mask: Tensor | None,
                 size: tuple[int,
                             int], geometry: Geometry, like: Tensor) -> None:
        groups = geometry.offset_groups
        self.size, self.groups = size, groups
        pixels = torch.arange(band.start, band.stop, device=like.device)
        image, *axes = _taps_at_rest(pixels, geometry, like.dtype)
        if offset is not None:
            moved = offset.unflatten(0, (groups, -1))
            axes = [axis + moved[:, :, i] for i, axis in enumerate(axes)]
        else:
            axes = [axis.expand(groups, -1, -1) for axis in axes]
        self.rows, self.columns = (_split_image(axis, length,
                                                geometry.flat_edge)
                                   for axis, length in zip(axes, size))
        self.first_line = image * size[0]
        self.mask = None if mask is None else mask.reshape(axes[0].shape)

    def lines(self) -> slice:
        """Return the range of lines to read, with the images stacked.

        This reads values of tensors, for which the program waits on a GPU.
        """
        last = self.size[0] - 1
        lines = torch.stack([(self.rows.low + i).clamp(0, last)
                             for i in range(2)]) + self.first_line
        first, last = torch.stack(lines.aminmax()).tolist()
        return slice(first, last + 1)

    def read(self, rows: Tensor, first_line: int) -> Tensor:
        """Read the images.

        Args:
            rows (Tensor[lines * w + 1, channels]): Pixels of some lines, and
                a row of zeros for what is outside: a weight of 0 would let a
                NaN at the border spread.
            first_line (int): Number of the first of these lines.

        Returns:
            Tensor[G, K, p, channels / G]: Samples of the taps.
        """
        h, w = self.size
        groups, outside = self.groups, (len(rows) - 1) * self.groups
        line = self.rows.low + (self.first_line - first_line)
        group = torch.arange(groups, device=rows.device).view(-1, 1, 1)
        up, down = (((line + i) * (w * groups)).where(
            _within(self.rows.low + i, h), outside) for i in range(2))
        left, right = (((self.columns.low + i) * groups + group).where(
            _within(self.columns.low + i, w), outside) for i in range(2))
        index = [(a + b).clamp(max=outside) for a in (up, down)
                 for b in (left, right)]
        return _read(
            rows.view(-1, rows.shape[1] // groups), index, self.rows.fraction,
            self.columns.fraction, self.mask)


def read_scope(weight: Tensor, offset: Tensor, geometry: Geometry) -> Tensor:
    """Read a depthwise scope at the taps.

    Args:
        weight (Tensor[c, 1, s, s]): The scope.
        offset (Tensor[K, 2, p]): Kernel offsets.
        geometry (Geometry): Settings.

    Returns:
        Tensor[K, p, c]: The weights of each tap at each pixel.
    """
    scope = weight.shape[-1]
    taps = _tap_numbers(geometry, offset)
    rows, columns = (_split_scope(
        offset[:, i] + (tap + (scope - length) / 2)[:, None],
        scope) for i, (tap,
                       length) in enumerate(zip(taps, geometry.kernel_size)))
    first = rows.low * scope + columns.low
    right = int(scope > 1)  # a single cell is its own neighbour
    index = [first + i for i in (0, right, scope * right, (scope + 1) * right)]
    return _read(
        weight.flatten(1).T.contiguous(), index, rows.fraction,
        columns.fraction, None)


def _read(rows: Tensor, index: list[Tensor], y: Tensor, x: Tensor,
          mask: Tensor | None) -> Tensor:
    """Add four weighted rows for each position."""
    upper, lower = 1 - y, y
    if mask is not None:
        upper, lower = upper * mask, lower * mask
    weights = [a * b for a in (upper, lower) for b in (1 - x, x)]
    out = F.embedding_bag(
        torch.stack(index, -1).flatten(0, -2),
        rows,
        per_sample_weights=torch.stack(weights, -1).flatten(0, -2),
        mode='sum')
    places: Tensor = out.unflatten(0, y.shape)
    return places


def _within(at: Tensor, size: int) -> Tensor:
    return (at >= 0) & (at < size)


def _tap_numbers(geometry: Geometry, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row and column of each tap in the kernel, (k,)."""
    rows, cols = (
        torch.arange(length, device=like.device, dtype=like.dtype)
        for length in geometry.kernel_size)
    return rows.repeat_interleave(len(cols)), cols.repeat(len(rows))


def _taps_at_rest(pixels: Tensor, geometry: Geometry,
                  dtype: torch.dtype) -> list[Tensor]:
    """Return the image of each pixel, (p), and its taps at rest, (k, p)."""
    _, h_out, w_out = geometry.out_shape
    taps = _tap_numbers(geometry, pixels)
    corners = pixels // w_out % h_out, pixels % w_out
    places = [(corner * stride - padding + dilation * tap[:, None]).to(dtype)
              for corner, tap, stride, padding, dilation in zip(
                  corners, taps, geometry.stride, geometry.padding,
                  geometry.dilation)]
    return [pixels // (h_out * w_out), *places]


def _split_image(position: Tensor, size: int, flat_edge: bool) -> Split:
    """Split positions, with those far outside moved close to the image."""
    # Far offsets read zeros; clamping avoids an integer overflow.
    position = position.clamp(-2, size + 1)
    if flat_edge:
        position = position.masked_fill(position <= -1, -2)
    low = position.detach().floor()
    return Split(low.long(), position - low)


def _split_scope(coordinate: Tensor, scope: int) -> Split:
    """Split coordinates, clamped to the scope."""
    coordinate = coordinate.clamp(0, scope - 1)
    # The last cell is only a right neighbour.
    low = coordinate.detach().floor().clamp(max=max(scope - 2, 0))
    return Split(low.nan_to_num(0).long(), coordinate - low)
