# Copyright (c) DKSAN-MM contributors.
"""Operator in pure torch, in bands of output pixels.

The columns of a whole image would need 9 to 25 times its memory. Those of a
band are computed, used and freed, and computed again for the gradients.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import plain_form
from .checks import Geometry, Inputs, PixelInputs
from .sampling import image_corners, per_pixel, pixel_rows

# Bytes of the largest tensor of a band: small enough for a CPU's cache, large
# enough to keep a GPU busy.
BAND_BYTES = dict(cpu=2**21, cuda=2**27)


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Apply the deformable kernel convolution to tensors of one dtype.

    Args:
        x (Tensor[n, c, h, w]): Input.
        weight (Tensor[c_out, c / groups, s, s]): Scope; without kernel
            offsets, the kernel at rest.
        image_offset (Tensor[n, 2GK, h_out, w_out], optional): Image offsets
            of G offset groups.
        kernel_offset (Tensor[n, 2GK, h_out, w_out], optional): Kernel
            offsets.
        mask (Tensor[n, GK, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): Checked settings.

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output.
    """
    plain_form.refuse_tracing()
    pixel_inputs = (per_pixel(image_offset,
                              2), per_pixel(kernel_offset,
                                            2), per_pixel(mask, 1))
    # torch.compile fuses the plain form but cannot trace the bands.
    inputs = (x, weight, *pixel_inputs)
    run: Callable[..., Tensor] = _Banded.apply
    if torch.compiler.is_compiling() or plain_form.needs_plain() or x.is_meta:
        run = plain_form.plain
    elif geometry.offset_groups > 1:
        recorded = torch.is_grad_enabled() and any(
            t is not None and t.requires_grad for t in inputs)
        run = plain_form.plain if recorded else _plain_bands
    out = run(*inputs, geometry)
    n, h_out, w_out = geometry.out_shape
    out = out.reshape(n, h_out, w_out, weight.shape[0])
    return out.permute(0, 3, 1, 2).contiguous()


def differentiable_gradients(grad_out: Tensor, tensors: Inputs,
                             geometry: Geometry) -> list[Tensor | None]:
    """Compute gradients that can be differentiated any number of times.

    The plain form of the whole image is used, which needs several times the
    memory of the operators.

    Args:
        grad_out (Tensor[n, c_out, h_out, w_out]): Gradient of the output.
        tensors (tuple): First five arguments of :func:`convolve`.
        geometry (Geometry): Checked settings.

    Returns:
        list[Tensor | None]: Gradient of each tensor.
    """
    x, weight, image_offset, kernel_offset, mask = tensors
    rows = pixel_rows(grad_out, 1).squeeze(2)
    grads = plain_form.plain_gradients(
        rows, (x, weight, per_pixel(image_offset, 2),
               per_pixel(kernel_offset, 2), per_pixel(mask, 1)), geometry)
    n, h_out, w_out = geometry.out_shape
    return grads[:2] + [
        None if g is None else g.reshape(n, h_out, w_out, -1).permute(
            0, 3, 1, 2) for g in grads[2:]
    ]


def _plain_bands(x: Tensor, weight: Tensor, image_offset: Tensor | None,
                 kernel_offset: Tensor | None, mask: Tensor | None,
                 geometry: Geometry) -> Tensor:
    """Compute ``plain`` band by band, without support of gradients."""
    rows, inputs = plain_form.image_rows(x), (image_offset, kernel_offset,
                                              mask)
    parts = [
        plain_form.plain_rows(
            _numbers(band, x), rows, x, weight, *_part(inputs, band), geometry)
        for band in _bands(x, geometry)
    ]
    return torch.cat(parts) if parts else x.new_empty(0, weight.shape[0])


def _bands(x: Tensor, geometry: Geometry) -> Iterator[slice]:
    """Split the output pixels into bands."""
    n, h_out, w_out = geometry.out_shape
    # The gradients need all four corners of each tap at once.
    size = 4 * geometry.taps * x.shape[1] * x.element_size()
    limit = BAND_BYTES.get(x.device.type, BAND_BYTES['cuda'])
    step = max(1, limit // size)
    for first in range(0, n * h_out * w_out, step):
        yield slice(first, min(first + step, n * h_out * w_out))


def _numbers(band: slice, like: Tensor) -> Tensor:
    """Return the indices of a band's pixels."""
    return torch.arange(band.start, band.stop, device=like.device)


def _part(tensors: PixelInputs, band: slice) -> PixelInputs:
    """Select a band of per-pixel inputs."""
    offset, kernel_offset, mask = (None if t is None else t[band]
                                   for t in tensors)
    return offset, kernel_offset, mask


def _take(tensors: PixelInputs, band: slice) -> PixelInputs:
    """Select a band of per-pixel inputs as leaves that require gradients."""
    offset, kernel_offset, mask = (None if t is None else
                                   t.detach().requires_grad_()
                                   for t in _part(tensors, band))
    return offset, kernel_offset, mask


class _Banded(torch.autograd.Function):
    """``plain`` band by band, forward and backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor,
                image_offset: Tensor | None, kernel_offset: Tensor | None,
                mask: Tensor | None, geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, weight, image_offset, kernel_offset, mask)
        n, h_out, w_out = geometry.out_shape
        out = x.new_empty(n * h_out * w_out, weight.shape[0])
        rows = plain_form.image_rows(x)
        for band in _bands(x, geometry):
            offset, kernel_part, mask_part = _take(
                (image_offset, kernel_offset, mask), band)
            index, corner = image_corners(
                _numbers(band, x), offset, x, geometry)
            columns = plain_form.cells(
                _gather(rows, index, corner), weight, kernel_part, mask_part,
                geometry)
            out[band] = plain_form.contract(columns, weight)
        return out

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Any, ...]:
        x, weight, *pixel_inputs = ctx.saved_tensors
        if torch.is_grad_enabled() or plain_form.needs_plain() or \
                plain_form.in_legacy_vmap(grad_out):
            return *plain_form.plain_gradients(grad_out, ctx.saved_tensors,
                                               ctx.geometry), None
        rows = plain_form.image_rows(x)
        grad_rows = torch.zeros_like(rows)
        grads = [
            None if t is None else torch.empty_like(t) for t in pixel_inputs
        ]
        grad_weight = torch.zeros_like(weight)
        for band in _bands(x, ctx.geometry):
            weight_part, parts = _band_backward(rows, grad_rows, x, weight,
                                                _take(pixel_inputs, band),
                                                _numbers(band, x),
                                                grad_out[band], ctx.geometry)
            grad_weight += weight_part
            for grad, part in zip(grads, parts):
                if grad is not None and part is not None:
                    grad[band] = part
        n, channels, h, w = x.shape
        grad_x = grad_rows[:-1].reshape(n, h, w, channels).permute(0, 3, 1, 2)
        return grad_x.contiguous(), grad_weight, *grads, None


def _gather(rows: Tensor, index: Tensor, corner: Tensor) -> Tensor:
    """Compute columns ``(p, k, c)``, weighted sums of four rows each."""
    columns = F.embedding_bag(
        index.flatten(0, 1),
        rows,
        per_sample_weights=corner.detach().flatten(0, 1),
        mode='sum')
    unflattened: Tensor = columns.unflatten(0, index.shape[:2])
    return unflattened


def _band_backward(rows: Tensor, grad_rows: Tensor, x: Tensor, weight: Tensor,
                   leaves: PixelInputs, pixels: Tensor, grad_out: Tensor,
                   geometry: Geometry) -> tuple[Tensor, list[Tensor | None]]:
    """Compute the gradients of one band.

    Adds to ``grad_rows`` and returns the gradients of the weights and of the
    band's image offsets, kernel offsets and mask.
    """
    offset, kernel_offset, mask = leaves
    with torch.enable_grad():
        index, corner = image_corners(pixels, offset, x, geometry)
        columns = _gather(rows, index, corner).requires_grad_()
        weight = weight.detach().requires_grad_()
        out = plain_form.contract(
            plain_form.cells(columns, weight, kernel_offset, mask, geometry),
            weight)
    present = [columns, weight]
    present += [t for t in (kernel_offset, mask) if t is not None]
    grad_columns, *grads = torch.autograd.grad(out, present, grad_out)
    flat = index.reshape(-1, 1).expand(-1, rows.shape[1])
    grad_rows.scatter_add_(0, flat, (corner.detach()[..., None] *
                                     grad_columns[:, :, None]).flatten(0, 2))
    grad_weight, *others = grads
    rest, grad_offset = iter(others), None
    if offset is not None:
        grad_corner = (rows[index] * grad_columns[:, :, None]).sum(-1)
        grad_offset, = torch.autograd.grad(corner, offset, grad_corner)
    return grad_weight, [
        grad_offset,
        *(None if t is None else next(rest) for t in (kernel_offset, mask))
    ]
