# Copyright (c) DKSAN-MM contributors.
"""Standard ONNX operators for exported networks.

One ``GridSample`` reads the image for all taps, stacked vertically; the scope
is interpolated by arithmetic. Sizes are taken from the tensors at run time, so
that they remain dynamic in the graph.
"""
import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import Geometry


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Apply the convolution; arguments as in :func:`.torch_path.convolve`."""
    n, channels = x.shape[:2]
    present = (image_offset, kernel_offset, mask)
    h, w = next(one for one in present if one is not None).shape[2:]
    taps, groups = geometry.taps, geometry.offset_groups
    if image_offset is None:
        image_offset = x.new_zeros(n, 2 * taps * groups, h, w)
    samples = _sample(x, image_offset, geometry)
    if mask is not None:
        samples = samples * mask.reshape(n * groups, 1, taps * h, w)
    if kernel_offset is None:  # the kernel has one weight per tap
        return F.conv2d(
            samples.reshape(n, channels * taps, h, w),
            weight.flatten(1)[..., None, None],
            groups=geometry.groups)
    samples = samples.reshape(n, channels, taps * h, w)
    cells = _cell_weights(kernel_offset, weight.shape[-1], geometry)
    products = _multiply(samples, cells, weight, geometry.groups)
    return products.reshape(n, weight.shape[0], taps, h, w).sum(2)


def _sample(x: Tensor, offset: Tensor, geometry: Geometry) -> Tensor:
    """Sample an image at the taps, with 0 outside of it.

    Args:
        x (Tensor[n, c, height, width]): Image.
        offset (Tensor[n, 2GK, h, w]): Image offsets of G offset groups.
        geometry (Geometry): Settings.

    Returns:
        Tensor[n * G, c / G, K * h, w]: Samples.
    """
    n, channels, height, width = x.shape
    h, w = offset.shape[2:]
    taps, groups = geometry.taps, geometry.offset_groups
    offset = offset.reshape(n * groups, taps, 2, h, w)
    rows, cols = _tap_positions(h, w, geometry, offset)
    # -1 and 1 are the outer edges of the image rather than pixel centres, so
    # that an image of one pixel works too.
    rows = (2 * (offset[:, :, 0] + rows) + 1) / height - 1
    cols = (2 * (offset[:, :, 1] + cols) + 1) / width - 1
    return F.grid_sample(
        x.reshape(n * groups, channels // groups, height, width),
        torch.stack([cols, rows], -1).reshape(n * groups, taps * h, w, 2),
        mode='bilinear',
        padding_mode='zeros',
        align_corners=False)


def _tap_positions(h: int, w: int, geometry: Geometry,
                   like: Tensor) -> tuple[Tensor, Tensor]:
    """Compute rows ``(k, h, 1)`` and columns ``(k, 1, w)`` of taps at rest."""
    first, second = (
        torch.arange(size, device=like.device) * stride +
        like.new_tensor([place * dilation - padding
                         for place in places]).view(-1, 1)
        for size, places, stride, dilation, padding in zip((
            h, w), _places(geometry), geometry.stride, geometry.dilation,
                                                           geometry.padding))
    return first[:, :, None], second[:, None]


def _places(geometry: Geometry) -> tuple[list[int], list[int]]:
    """Return the row and column of each tap in the kernel."""
    k_h, k_w = geometry.kernel_size
    return ([tap // k_w for tap in range(k_h * k_w)],
            [tap % k_w for tap in range(k_h * k_w)])


def _cell_weights(offset: Tensor, scope: int, geometry: Geometry) -> Tensor:
    """Compute the bilinear weight of each cell of the scope for each tap.

    Args:
        offset (Tensor[n, 2K, h, w]): Kernel offsets.
        scope (int): Rows of the scope.
        geometry (Geometry): Settings.

    Returns:
        Tensor[n, scope * scope, K * h, w]: Weights.
    """
    n, _, h, w = offset.shape
    offset = offset.reshape(n, geometry.taps, 2, h, w)
    cell = offset.new_tensor(range(scope)).view(-1, 1, 1)
    weights = []
    for axis, places in enumerate(_places(geometry)):
        middle = (scope - geometry.kernel_size[axis]) / 2
        rest = offset.new_tensor(places).view(-1, 1, 1) + middle
        position = (offset[:, :, axis] + rest).clamp(0, scope - 1)
        position = position.reshape(n, 1, geometry.taps * h, w)
        weights.append((1 - (position - cell).abs()).relu())
    rows, cols = weights
    return (rows[:, :, None] * cols[:, None]).flatten(1, 2)


def _multiply(samples: Tensor, cells: Tensor, weight: Tensor,
              groups: int) -> Tensor:
    """Multiply samples by the interpolated weights of their taps.

    Args:
        samples (Tensor[n, c, K * h, w]): Samples.
        cells (Tensor[n, s * s, K * h, w]): Output of :func:`_cell_weights`.
        weight (Tensor[c_out, c / groups, s, s]): Scope.
        groups (int): Number of channel groups.

    Returns:
        Tensor[n, c_out, K * h, w]: Products, summed over each channel group.
    """
    flat = weight.flatten(1)[..., None, None]
    depthwise = weight.shape[:2] == (groups, 1)
    if depthwise:
        return samples * F.conv2d(cells, flat)
    columns = samples[:, :, None] * cells[:, None]
    return F.conv2d(columns.flatten(1, 2), flat, groups=groups)
