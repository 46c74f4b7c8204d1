# Copyright (c) DKSAN-MM contributors.
r"""The deformable kernel convolution (DKC), in pure torch.

Definition (paper, eq. 10 and 11), for output pixel p, tap k of the kernel,
channel c and the stored weights W, the S x S *scope*::

    out_c(p) = sum_k W_c(k + dk_k(p)) * m_k(p) * x_c(p + k + dp_k(p))

``W`` and ``x`` are read bilinearly. Where the paper is silent: kernel
coordinates are clamped to the scope, [0, S - 1], as the global form of Gao
et al. (Deformable Kernels, ICLR 2020) does; image samples outside the frame
are 0, as in every deformable convolution.

Bilinear reading of the scope is linear in its cells, hence the sum
factorises, and the dense form costs one matrix product::

    A[p,k,s] = bilinear weight of scope cell s for tap k, from dk alone
    z[p,s,c] = sum_k A[p,k,s] * m_k(p) * x_c(p + k + dp_k(p))
    out[p,o] = sum_{s,c} W[o,c,s] * z[p,s,c]
"""

from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from . import backend, cpp
from .checks import Geometry, IntOrPair, check_arguments


def deform_kernel_conv2d(x: Tensor,
                         weight: Tensor,
                         image_offset: Optional[Tensor] = None,
                         kernel_offset: Optional[Tensor] = None,
                         mask: Optional[Tensor] = None,
                         *,
                         kernel_size: IntOrPair = 3,
                         stride: IntOrPair = 1,
                         padding: IntOrPair = 1,
                         dilation: IntOrPair = 1) -> Tensor:
    """Convolve with a kernel that deforms, and whose samples move.

    With K = ``kernel_size[0] * kernel_size[1]`` taps. Offsets hold (dy, dx)
    per tap, taps in row-major order. The arithmetic is done in float32 for
    half-precision input, else in the promoted type of ``x`` and ``weight``.

    Args:
        x (Tensor[n, c, h, w]): Input of any float type.
        weight (Tensor[c_out, c / groups, s, s]): The scope. Depthwise is
            ``(c, 1, s, s)``, dense ``(c_out, c, s, s)``; the second dimension
            decides the number of groups. Tap (i, j) reads at row
            ``i + (s - kernel_size[0]) / 2`` when its offset is 0.
        image_offset (Tensor[n, 2K, h_out, w_out], optional): Shift of each
            tap's sample, in pixels of ``x``. None: no shift.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Shift of each
            tap's coordinate in the scope, in cells. None: no shift.
        mask (Tensor[n, K, h_out, w_out], optional): Factor of each tap.
        kernel_size (int | tuple[int, int]): Rows and columns of taps.
        stride (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        padding (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        dilation (int | tuple[int, int]): As in ``torch.nn.Conv2d``.

    Returns:
        Tensor[n, c_out, h_out, w_out]: In the type of ``x``.

    Raises:
        TypeError: If an argument is no float tensor.
        ValueError: If shapes, devices or numbers do not fit together.
    """
    geometry = check_arguments(x, weight, image_offset, kernel_offset, mask,
                               kernel_size, stride, padding, dilation)
    dtype = torch.promote_types(x.dtype, weight.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    tensors = [
        None if t is None else t.to(dtype)
        for t in (x, weight, image_offset, kernel_offset, mask)
    ]
    with torch.autocast(x.device.type, enabled=False):
        return _convolve(*tensors, geometry).to(x.dtype)


def _convolve(x: Tensor, weight: Tensor, image_offset: Optional[Tensor],
              kernel_offset: Optional[Tensor], mask: Optional[Tensor],
              geometry: Geometry) -> Tensor:
    """Choose between a plain convolution and the factorised sum."""
    if kernel_offset is None:
        weight = _resample_at_rest(weight, geometry.kernel_size)
    if image_offset is kernel_offset is mask is None:
        return F.conv2d(x, weight, None, geometry.stride, geometry.padding,
                        geometry.dilation, geometry.groups)
    if backend.use_cpp(x):
        return cpp.convolve(x, weight, image_offset, kernel_offset, mask,
                            geometry)
    columns = _image_columns(x, image_offset, geometry)  # (p, k, c)
    if mask is not None:
        columns = columns * _per_tap(mask, 1)
    if kernel_offset is not None:
        matrix = _kernel_matrix(kernel_offset, weight.shape[-1], geometry)
        columns = torch.bmm(matrix.transpose(1, 2), columns)  # (p, s*s, c)
    return _contract(columns, weight, geometry)


def _contract(columns: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Sum ``(p, cells, c)`` columns over cells and each group's channels."""
    p, cells, channels = columns.shape
    groups = geometry.groups
    weight = weight.flatten(2)  # (c_out, c / groups, cells)
    if weight.shape[1] == 1 and weight.shape[0] == channels:
        out = torch.einsum('psc,cs->pc', columns, weight[:, 0])
    else:
        out = torch.einsum(
            'psgi,gois->pgo',
            columns.reshape(p, cells, groups, channels // groups),
            weight.reshape(groups, -1, channels // groups, cells))
    n, h_out, w_out = geometry.out_shape
    out = out.reshape(n, h_out, w_out, weight.shape[0])
    return out.permute(0, 3, 1, 2).contiguous()


def _per_tap(tensor: Tensor, size: int) -> Tensor:
    """Turn ``(n, k * size, h, w)`` into ``(n * h * w, k, size)``."""
    n, channels, h, w = tensor.shape
    return tensor.permute(0, 2, 3, 1).reshape(n * h * w, channels // size,
                                              size)


def _image_columns(x: Tensor, offset: Optional[Tensor],
                   geometry: Geometry) -> Tensor:
    """Read ``x`` at every tap of every output pixel, bilinearly.

    Returns:
        Tensor[p, k, c]: p runs over images, then output rows and columns.
    """
    n, channels, h, w = x.shape
    position = _tap_positions(geometry, x)  # (p, k, 2)
    if offset is not None:
        position = position + _per_tap(offset, 2)
    row, row_weight, row_inside = _corners(position[..., 0], h)
    col, col_weight, col_inside = _corners(position[..., 1], w)
    image = torch.arange(
        n, device=x.device).repeat_interleave(len(position) // max(n, 1))
    index = ((image.reshape(-1, 1, 1, 1) * h + row[..., :, None]) * w +
             col[..., None, :])
    # Outside the frame, a row of zeros is read; not the border with weight
    # 0, since a single NaN there would spread.
    inside = row_inside[..., :, None] & col_inside[..., None, :]
    index = index.where(inside, n * h * w)
    weight = row_weight[..., :, None] * col_weight[..., None, :]
    rows = x.permute(0, 2, 3, 1).reshape(n * h * w, channels)
    columns = F.embedding_bag(
        index.reshape(-1, 4),
        F.pad(rows, (0, 0, 0, 1)),
        per_sample_weights=weight.reshape(-1, 4),
        mode='sum')
    return columns.reshape(*position.shape[:2], channels)


def _tap_positions(geometry: Geometry, like: Tensor) -> Tensor:
    """Where each tap of each output pixel reads when no offset moves it."""
    n, h_out, w_out = geometry.out_shape
    axes = []
    for size, taps, stride, padding, dilation in zip(
        (h_out, w_out), geometry.kernel_size, geometry.stride,
            geometry.padding, geometry.dilation):
        start = torch.arange(size, device=like.device) * stride - padding
        axes.append(start[:, None] +
                    torch.arange(taps, device=like.device) * dilation)
    rows = axes[0][:, None, :, None].expand(-1, w_out, -1,
                                            geometry.kernel_size[1])
    cols = axes[1][None, :, None, :].expand_as(rows)
    position = torch.stack([rows, cols], -1).to(like.dtype)
    position = position.reshape(1, h_out * w_out, geometry.taps, 2)
    return position.expand(n, -1, -1, -1).reshape(-1, geometry.taps, 2)


def _corners(position: Tensor, size: int) -> Tuple[Tensor, Tensor, Tensor]:
    """Indices, weights and presence of the two neighbours along one axis."""
    # Far offsets read nothing; clamped, they cannot overflow an integer.
    position = position.clamp(-2, size + 1)
    low = position.detach().floor()
    fraction = position - low
    index = torch.stack([low, low + 1], -1).long()
    weight = torch.stack([1 - fraction, fraction], -1)
    return index, weight, (index >= 0) & (index < size)


def _kernel_matrix(offset: Tensor, scope: int, geometry: Geometry) -> Tensor:
    """Bilinear weight of every scope cell for every tap.

    Returns:
        Tensor[p, k, s * s]: ``A`` of the factorisation above.
    """
    offset = _per_tap(offset, 2)
    axes = []
    for axis, taps in enumerate(_rest_coordinates(scope, geometry, offset)):
        axes.append(_scope_weights(offset[..., axis] + taps, scope))
    return (axes[0][..., :, None] * axes[1][..., None, :]).flatten(2)


def _rest_coordinates(scope: int, geometry: Geometry,
                      like: Tensor) -> Tuple[Tensor, Tensor]:
    """Scope coordinates (row, column) of each tap at zero offset, (k,)."""
    rows, cols = [
        torch.arange(taps, device=like.device, dtype=like.dtype) +
        (scope - taps) / 2 for taps in geometry.kernel_size
    ]
    return rows.repeat_interleave(len(cols)), cols.repeat(len(rows))


def _scope_weights(coordinate: Tensor, scope: int) -> Tensor:
    """One axis' bilinear weights, ``(...)`` to ``(..., scope)``.

    Written with the cell to the left and its right neighbour, not with
    ``1 - abs(...)``: the latter has no slope at whole numbers, where an odd
    scope's taps rest, so zero-initialised offsets would never learn.
    """
    coordinate = coordinate.clamp(0, scope - 1).unsqueeze(-1)
    if scope == 1:
        return 1 + 0 * coordinate  # constant, though the clamp has a slope
    cell = torch.arange(scope, device=coordinate.device)
    low = coordinate.detach().floor().clamp(max=scope - 2)
    fraction = coordinate - low
    return (1 - fraction) * (cell == low) + fraction * (cell == low + 1)


def _resample_at_rest(weight: Tensor, kernel_size: Tuple[int, int]) -> Tensor:
    """The ordinary kernel that the scope is when nothing moves it."""
    scope = weight.shape[-1]
    rows, cols = [
        _scope_weights(
            torch.arange(taps, device=weight.device, dtype=weight.dtype) +
            (scope - taps) / 2, scope) for taps in kernel_size
    ]
    return torch.einsum('is,jt,ocst->ocij', rows, cols, weight)
