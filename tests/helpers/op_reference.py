# Copyright (c) DKSAN-MM contributors.
"""Slow definitions of the operators, in float64, one number at a time.

They are written from the equations alone and share no code with
``dksan_mm.ops``: plain loops over batch, output pixel, kernel tap and channel.
The tests compare the fast operators with them.
"""
from math import floor
from typing import NamedTuple

import numpy as np

Size = int | tuple[int, int]


class Corner(NamedTuple):
    """One grid point of a bilinear read.

    Attributes:
        row, col: Where the grid point lies.
        value: Its weight in the sample.
        d_row, d_col: Derivatives of that weight by the sample's position.
            Where the position is exactly on a grid line the derivative
            does not exist; the one towards larger positions is given.
    """
    row: int
    col: int
    value: float
    d_row: float
    d_col: float


class Tap(NamedTuple):
    """Positions at which a kernel tap of an output pixel reads."""
    batch: int
    index: int
    out_row: int
    out_col: int
    image: list[Corner]
    kernel: list[Corner]
    mask: float


def image_corners(row: float, col: float, height: int,
                  width: int) -> list[Corner]:
    """Return the corners of a bilinear read, zero outside the image."""
    top, left = floor(row), floor(col)
    corners = []
    for r in (top, top + 1):
        for c in (left, left + 1):
            if not (0 <= r < height and 0 <= c < width):
                continue
            corners.append(
                Corner(r, c, (1 - abs(row - r)) * (1 - abs(col - c)),
                       (1 - abs(col - c)) * (-1 if r == top else 1),
                       (1 - abs(row - r)) * (-1 if c == left else 1)))
    return corners


def kernel_corners(row: float, col: float, scope: int) -> list[Corner]:
    """Return the corners of a read clamped to [0, scope - 1]."""
    row_moves, col_moves = (float(0 <= at < scope - 1) for at in (row, col))
    row = min(max(row, 0.), scope - 1.)
    col = min(max(col, 0.), scope - 1.)
    return [
        corner._replace(
            d_row=corner.d_row * row_moves, d_col=corner.d_col * col_moves)
        for corner in image_corners(row, col, scope, scope)
    ]


def bilinear(plane: np.ndarray, corners: list[Corner]) -> float:
    """Interpolate a 2-D array at a position given by its corners."""
    return sum(plane[at.row, at.col] * at.value for at in corners)


def slopes(plane: np.ndarray, corners: list[Corner]) -> tuple[float, float]:
    """Return the derivatives (d_row, d_col) of ``bilinear``."""
    return (sum(plane[at.row, at.col] * at.d_row for at in corners),
            sum(plane[at.row, at.col] * at.d_col for at in corners))


def pair(value: Size) -> tuple[int, int]:
    """Return (rows, columns) of a size that may be one number for both."""
    return (value, value) if isinstance(value, int) else tuple(value)


def output_size(size: tuple[int, int], kernel_size: Size, stride: Size,
                padding: Size, dilation: Size) -> tuple[int, int]:
    """Return the rows and columns of a convolution's output."""
    per_axis = zip(size, *map(pair, (kernel_size, stride, padding, dilation)))
    return tuple((length + 2 * pad - spread * (taps - 1) - 1) // step + 1
                 for length, taps, step, pad, spread in per_axis)


def taps(x: np.ndarray, weight: np.ndarray, image_offset, kernel_offset, mask,
         kernel_size: Size, stride: Size, padding: Size,
         dilation: Size) -> list[Tap]:
    """Return where every tap of every output pixel reads image and kernel."""
    height, width = x.shape[2:]
    scope = weight.shape[2]
    k_h, k_w = pair(kernel_size)
    (s_h, s_w), (p_h, p_w), (d_h, d_w) = map(pair, (stride, padding, dilation))
    rows, cols = output_size((height, width), kernel_size, stride, padding,
                             dilation)
    found = []
    for b, p, q, i, j in np.ndindex(x.shape[0], rows, cols, k_h, k_w):
        k = i * k_w + j
        dy = dx = dky = dkx = 0.
        if image_offset is not None:
            dy, dx = map(float, image_offset[b, 2 * k:2 * k + 2, p, q])
        if kernel_offset is not None:
            dky, dkx = map(float, kernel_offset[b, 2 * k:2 * k + 2, p, q])
        found.append(
            Tap(
                b, k, p, q,
                image_corners(p * s_h - p_h + i * d_h + dy,
                              q * s_w - p_w + j * d_w + dx, height, width),
                kernel_corners(i + (scope - k_h) / 2 + dky,
                               j + (scope - k_w) / 2 + dkx, scope),
                1. if mask is None else float(mask[b, k, p, q])))
    return found


def channel_pairs(x: np.ndarray,
                  weight: np.ndarray) -> list[tuple[int, int, int]]:
    """Return connected channels: output, input, input within its group.

    Groups are consecutive blocks of channels, as in an ordinary convolution.
    """
    c_out, per_group = weight.shape[:2]
    groups = x.shape[1] // per_group
    return [(o, o // (c_out // groups) * per_group + c, c)
            for o in range(c_out) for c in range(per_group)]


def float64(*arrays):
    """Convert arrays to float64; absent ones stay absent."""
    return [None if a is None else np.asarray(a, np.float64) for a in arrays]


def deform_kernel_conv2d_reference(x: np.ndarray,
                                   weight: np.ndarray,
                                   image_offset: np.ndarray | None = None,
                                   kernel_offset: np.ndarray | None = None,
                                   mask: np.ndarray | None = None,
                                   *,
                                   kernel_size: Size = 3,
                                   stride: Size = 1,
                                   padding: Size = 1,
                                   dilation: Size = 1) -> np.ndarray:
    """Deformable convolution with deformable kernels, from its definition.

    ``out(p) = sum_k m_k(p) W(k + (S - K) / 2 + dk_k(p)) x(p + k + dp_k(p))``
    (paper, eq. 11), summed over the input channels of the group, with mask
    ``m``. ``x`` is zero outside its frame, the position in ``W`` is clamped
    to its S x S scope (*chosen here*: the paper does not say).

    Args:
        x (ndarray[n, c_in, h, w]): Input.
        weight (ndarray[c_out, c_in / groups, S, S]): Kernel on its scope.
        image_offset (ndarray[n, 2 * K, h_out, w_out]): (dy, dx) per tap, in
            input pixels.
        kernel_offset (ndarray[n, 2 * K, h_out, w_out]): (dy, dx) per tap, in
            cells of the scope.
        mask (ndarray[n, K, h_out, w_out]): Factor per tap.

    Returns:
        ndarray[n, c_out, h_out, w_out]: float64.
    """
    x, weight, image_offset, kernel_offset, mask = float64(
        x, weight, image_offset, kernel_offset, mask)
    size = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    out = np.zeros((x.shape[0], weight.shape[0], *size))
    channels = channel_pairs(x, weight)
    for tap in taps(x, weight, image_offset, kernel_offset, mask, kernel_size,
                    stride, padding, dilation):
        sample = [bilinear(plane, tap.image) for plane in x[tap.batch]]
        for o, c, c_group in channels:
            out[tap.batch, o, tap.out_row, tap.out_col] += (
                tap.mask * bilinear(weight[o, c_group], tap.kernel) *
                sample[c])
    return out


def deform_kernel_conv2d_gradients(grad_out: np.ndarray,
                                   x: np.ndarray,
                                   weight: np.ndarray,
                                   image_offset: np.ndarray | None = None,
                                   kernel_offset: np.ndarray | None = None,
                                   mask: np.ndarray | None = None,
                                   *,
                                   kernel_size: Size = 3,
                                   stride: Size = 1,
                                   padding: Size = 1,
                                   dilation: Size = 1) -> dict:
    """Gradients of ``sum(grad_out * out)`` by every input, by hand.

    They are defined where no sampling position lies on a grid line of the
    image or of the kernel, nor on the edge of the scope.

    Args:
        grad_out (ndarray[n, c_out, h_out, w_out]): Gradient of the output.

    Returns:
        dict[str, ndarray]: One array per input, with the input's shape; also
        for offsets and mask that are absent (taken at 0 and 1).
    """
    grad_out, x, weight, image_offset, kernel_offset, mask = float64(
        grad_out, x, weight, image_offset, kernel_offset, mask)
    n, _, rows, cols = grad_out.shape
    k_h, k_w = pair(kernel_size)
    grads = dict(
        x=np.zeros(x.shape),
        weight=np.zeros(weight.shape),
        image_offset=np.zeros((n, 2 * k_h * k_w, rows, cols)),
        kernel_offset=np.zeros((n, 2 * k_h * k_w, rows, cols)),
        mask=np.zeros((n, k_h * k_w, rows, cols)))
    channels = channel_pairs(x, weight)
    for tap in taps(x, weight, image_offset, kernel_offset, mask, kernel_size,
                    stride, padding, dilation):
        for o, c, c_group in channels:
            upstream = grad_out[tap.batch, o, tap.out_row, tap.out_col]
            _add_product_rule(grads, tap, upstream, x[tap.batch, c], c,
                              weight[o, c_group], (o, c_group))
    return grads


def _add_product_rule(grads: dict, tap: Tap, upstream: float,
                      plane: np.ndarray, channel: int, kernel: np.ndarray,
                      kernel_index: tuple[int, int]) -> None:
    """Add the derivatives of ``upstream * mask * W(..) * x(..)``."""
    b, k, p, q = tap.batch, tap.index, tap.out_row, tap.out_col
    value, w_value = bilinear(plane, tap.image), bilinear(kernel, tap.kernel)
    grads['mask'][b, k, p, q] += upstream * w_value * value
    for axis, slope in enumerate(slopes(plane, tap.image)):
        grads['image_offset'][b, 2 * k + axis, p, q] += (
            upstream * tap.mask * w_value * slope)
    for axis, slope in enumerate(slopes(kernel, tap.kernel)):
        grads['kernel_offset'][b, 2 * k + axis, p, q] += (
            upstream * tap.mask * slope * value)
    for at in tap.image:
        grads['x'][b, channel, at.row, at.col] += (
            upstream * tap.mask * w_value * at.value)
    for at in tap.kernel:
        grads['weight'][(*kernel_index, at.row, at.col)] += (
            upstream * tap.mask * at.value * value)


def modulated_deform_conv2d_reference(x: np.ndarray,
                                      offset: np.ndarray,
                                      mask: np.ndarray | None,
                                      weight: np.ndarray,
                                      bias: np.ndarray | None = None,
                                      *,
                                      stride: Size = 1,
                                      padding: Size = 1,
                                      dilation: Size = 1,
                                      deform_groups: int = 1) -> np.ndarray:
    """Modulated deformable convolution (Zhu et al., CVPR 2019, eq. 1).

    ``out(p) = bias + sum_k W(k) x(p + k + dp_k(p)) mask_k(p)``, with offsets
    and mask of their own for each of ``deform_groups`` consecutive blocks of
    input channels. ``x`` is zero outside its frame.

    Args:
        x (ndarray[n, c_in, h, w]): Input.
        offset (ndarray[n, deform_groups * 2 * K, h_out, w_out]): (dy, dx) per
            tap and deformable group, in input pixels.
        mask (ndarray[n, deform_groups * K, h_out, w_out]): Factor per tap and
            deformable group.
        weight (ndarray[c_out, c_in / groups, K_h, K_w]): Kernel.
        bias (ndarray[c_out]): Added to the output.

    Returns:
        ndarray[n, c_out, h_out, w_out]: float64.
    """
    x, offset, mask, weight, bias = float64(x, offset, mask, weight, bias)
    k_h, k_w = weight.shape[2:]
    (s_h, s_w), (p_h, p_w), (d_h, d_w) = map(pair, (stride, padding, dilation))
    height, width = x.shape[2:]
    size = output_size(x.shape[2:], (k_h, k_w), stride, padding, dilation)
    out = np.zeros((x.shape[0], weight.shape[0], *size))
    if bias is not None:
        out += bias[:, None, None]
    for b, p, q, i, j in np.ndindex(x.shape[0], *size, k_h, k_w):
        for o, c, c_group in channel_pairs(x, weight):
            deform_group = c // (x.shape[1] // deform_groups)
            k = deform_group * k_h * k_w + i * k_w + j
            dy, dx = map(float, offset[b, 2 * k:2 * k + 2, p, q])
            corners = image_corners(p * s_h - p_h + i * d_h + dy,
                                    q * s_w - p_w + j * d_w + dx, height,
                                    width)
            out[b, o, p, q] += (
                weight[o, c_group, i, j] * bilinear(x[b, c], corners) *
                (1. if mask is None else mask[b, k, p, q]))
    return out
