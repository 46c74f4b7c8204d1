# Copyright (c) DKSAN-MM contributors.
"""Sampling of the taps in pure torch: indices and weights.

Output pixels are numbered by image, row and column (``p``).
"""

import torch
from torch import Tensor

from .checks import Geometry


def per_pixel(tensor: Tensor | None, size: int) -> Tensor | None:
    """Turn ``(n, k * size, h, w)`` into ``(n * h * w, k, size)``."""
    return None if tensor is None else pixel_rows(tensor, size)


def pixel_rows(tensor: Tensor, size: int) -> Tensor:
    """Implement :func:`per_pixel` for a tensor."""
    n, channels, h, w = tensor.shape
    return tensor.permute(0, 2, 3, 1).reshape(n * h * w, channels // size,
                                              size)


def image_corners(pixels: Tensor, offset: Tensor | None, like: Tensor,
                  geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Compute the image rows that the taps read, and their weights.

    Args:
        pixels (Tensor[p]): Indices of output pixels.
        offset (Tensor[p, k, 2], optional): Image offsets of these pixels.
        like (Tensor[n, c, h, w]): Image.
        geometry (Geometry): Settings.

    Returns:
        tuple: Indices of rows (the channels of a pixel) and bilinear weights,
        both ``(p, k, 4)``. Outside the image, the index is ``n * h * w``, a
        row of zeros: a weight of 0 would spread a NaN at the border.
    """
    n, _, h, w = like.shape
    image, position = _tap_positions(pixels, geometry, like.dtype)
    if offset is not None:
        position = position + offset
    flat = geometry.flat_edge
    row, row_weight, row_inside = _neighbours(position[..., 0], h, flat)
    col, col_weight, col_inside = _neighbours(position[..., 1], w, flat)
    index = ((image[:, None, None, None] * h + row[..., :, None]) * w +
             col[..., None, :])
    inside = row_inside[..., :, None] & col_inside[..., None, :]
    weight = row_weight[..., :, None] * col_weight[..., None, :]
    return index.where(inside, n * h * w).flatten(2), weight.flatten(2)


def _tap_positions(pixels: Tensor, geometry: Geometry,
                   dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Compute image (p,) and tap positions at rest (p, k, 2) of pixels."""
    _, h_out, w_out = geometry.out_shape
    corner = torch.stack([pixels // w_out % h_out, pixels % w_out], -1)
    taps = torch.cartesian_prod(*[
        torch.arange(size, device=pixels.device)
        for size in geometry.kernel_size
    ])
    stride, padding, dilation = (
        torch.tensor(values, device=pixels.device)
        for values in (geometry.stride, geometry.padding, geometry.dilation))
    position = (corner * stride - padding)[:, None] + taps * dilation
    return pixels // (h_out * w_out), position.to(dtype)


def _neighbours(position: Tensor, size: int,
                flat_edge: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Compute indices, weights and validity of both neighbours on an axis."""
    # Far offsets read zeros; clamping avoids an integer overflow.
    position = position.clamp(-2, size + 1)
    low = position.detach().floor()
    fraction = position - low
    index = torch.stack([low, low + 1], -1).long()
    weight = torch.stack([1 - fraction, fraction], -1)
    inside = (index >= 0) & (index < size)
    if flat_edge:
        inside = inside & (position > -1).unsqueeze(-1)
    return index, weight, inside


def scope_matrix(offset: Tensor, scope: int, geometry: Geometry) -> Tensor:
    """Compute the bilinear weight of each scope cell for each tap.

    Args:
        offset (Tensor[p, k, 2]): Kernel offsets.
        scope (int): Rows of the scope.
        geometry (Geometry): Settings.

    Returns:
        Tensor[p, k, scope * scope]: ``A`` of the factorisation.
    """
    rows, cols = _rest_coordinates(scope, geometry, offset)
    row = _scope_weights(offset[..., 0] + rows, scope)
    col = _scope_weights(offset[..., 1] + cols, scope)
    return (row[..., :, None] * col[..., None, :]).flatten(2)


def kernel_at_rest(weight: Tensor, geometry: Geometry) -> Tensor:
    """Compute the ordinary kernel that a scope forms at zero offset.

    Args:
        weight (Tensor[c_out, c / groups, s, s]): Scope.
        geometry (Geometry): Settings.

    Returns:
        Tensor[c_out, c / groups, rows, cols]: One weight per tap.
    """
    scope = weight.shape[-1]
    rest = weight.new_zeros(1, geometry.taps, 2)
    matrix = scope_matrix(rest, scope, geometry)[0]
    kernel: Tensor = (weight.flatten(2) @ matrix.T).unflatten(
        2, geometry.kernel_size)
    return kernel


def _rest_coordinates(scope: int, geometry: Geometry,
                      like: Tensor) -> tuple[Tensor, Tensor]:
    """Compute scope rows and columns (k,) of the taps at zero offset."""
    rows, cols = [
        torch.arange(taps, device=like.device, dtype=like.dtype) +
        (scope - taps) / 2 for taps in geometry.kernel_size
    ]
    return rows.repeat_interleave(len(cols)), cols.repeat(len(rows))


def _scope_weights(coordinate: Tensor, scope: int) -> Tensor:
    """Compute bilinear weights on one axis, ``(...)`` to ``(..., scope)``.

    The weights use the cell to the left and its right neighbour instead of
    ``1 - abs(...)``, whose gradient is 0 at integers. These are the taps'
    initial positions in an odd scope, so the offsets would never learn.
    """
    coordinate = coordinate.clamp(0, scope - 1).unsqueeze(-1)
    if scope == 1:
        return 1 + 0 * coordinate  # constant, though the clamp has a slope
    cell = torch.arange(scope, device=coordinate.device)
    low = coordinate.detach().floor().clamp(max=scope - 2)
    fraction = coordinate - low
    return (1 - fraction) * (cell == low) + fraction * (cell == low + 1)
