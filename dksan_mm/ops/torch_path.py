# Copyright (c) DKSAN-MM contributors.
"""Operator in pure torch, in bands of output pixels.

The columns of a whole image would need 9 to 25 times its memory. Those of a
band are computed, used and freed, and computed again for the gradients.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from . import plain_form
from .bags import ImageReader, from_planes, planes, read_scope
from .checks import Geometry, Inputs, PixelInputs
from .sampling import per_pixel, pixel_rows

# Bytes of the samples of a band: small enough for a processor's cache, and
# large enough to keep a GPU busy.
BAND_BYTES = dict(cpu=2**22, cuda=2**26)


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
    tensors = (x, weight, image_offset, kernel_offset, mask)
    # torch.compile fuses the plain form but cannot trace the bands.
    if torch.compiler.is_compiling() or plain_form.needs_plain() or x.is_meta:
        rows = plain_form.plain(x, weight, per_pixel(image_offset, 2),
                                per_pixel(kernel_offset, 2),
                                per_pixel(mask, 1), geometry)
        return _to_images(rows, geometry)
    run: Callable[..., Tensor] = _Banded.apply
    return run(*tensors, geometry)


def _to_images(rows: Tensor, geometry: Geometry) -> Tensor:
    """Turn ``(n * h * w, c)`` into ``(n, c, h, w)``."""
    n, h, w = geometry.out_shape
    rows = rows.reshape(n, h, w, rows.shape[1])
    return rows.permute(0, 3, 1, 2).contiguous()


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


def _bands(x: Tensor, geometry: Geometry) -> Iterator[slice]:
    """Return bands of the output pixels, numbered over the batch."""
    n, h_out, w_out = geometry.out_shape
    size = geometry.taps * x.shape[1] * x.element_size()
    limit = BAND_BYTES.get(x.device.type, BAND_BYTES['cuda'])
    step = max(1, limit // size)
    for first in range(0, n * h_out * w_out, step):
        yield slice(first, min(first + step, n * h_out * w_out))


def _all_planes(inputs: PixelInputs) -> PixelInputs:
    """Return the per-pixel inputs in planes; a band is a part of them."""
    offset, kernel_offset, mask = (None if t is None else planes(t, size)
                                   for t, size in zip(inputs, (2, 2, 1)))
    return offset, kernel_offset, mask


class _Band:
    """A band of output pixels.

    Args:
        band (slice): The pixels.
        inputs (tuple): Per-pixel inputs of all pixels, in planes.
        rows (Tensor[n * h * w, c]): The images.
        x (Tensor[n, c, h, w]): The same, for its shape.
        geometry (Geometry): Checked settings.
        grad (bool): Whether gradients are needed.
    """

    def __init__(self, band: slice, inputs: PixelInputs, rows: Tensor,
                 x: Tensor, geometry: Geometry, grad: bool) -> None:
        n, channels, h, w = x.shape
        self.geometry = geometry
        self.offset, self.kernel_offset, self.mask = (
            None if t is None else t[..., band].detach().requires_grad_(grad)
            for t in inputs)
        with torch.set_grad_enabled(grad):
            self.reader = ImageReader(band, self.offset, self.mask, (h, w),
                                      geometry, x)
        # On a GPU, waiting for the range takes longer than using all lines.
        known = x.device.type == 'cpu' and plain_form.has_numbers(x)
        self.lines = self.reader.lines() if known else slice(0, n * h)
        self.pixels = slice(self.lines.start * w, self.lines.stop * w)
        zeros = rows.new_zeros(1, channels)
        self.rows = torch.cat([rows[self.pixels], zeros]).requires_grad_(grad)

    def output(self, weight: Tensor) -> Tensor:
        """Compute the output, ``(p, c_out)``."""
        values = self.reader.read(self.rows, self.lines.start)
        depthwise = weight.shape[:2] == (self.rows.shape[1], 1)
        if depthwise and len(values) == 1:
            if self.kernel_offset is None:
                filters = weight.flatten(1).T[:, None]
            else:
                filters = read_scope(weight, self.kernel_offset, self.geometry)
            return (values[0] * filters).sum(0)
        columns = values.permute(2, 1, 0, 3).flatten(2)
        kernel_offset = self.kernel_offset
        if kernel_offset is not None:
            kernel_offset = kernel_offset.permute(2, 0, 1)
        return plain_form.contract(
            plain_form.cells(columns, weight, kernel_offset, None,
                             self.geometry), weight)


class _Banded(torch.autograd.Function):
    """Forward and backward pass of the plain form, band by band."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor,
                image_offset: Tensor | None, kernel_offset: Tensor | None,
                mask: Tensor | None, geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, weight, image_offset, kernel_offset, mask)
        n, h_out, w_out = geometry.out_shape
        out = x.new_empty(n * h_out * w_out, weight.shape[0])
        rows = pixel_rows(x, 1).squeeze(2)
        inputs = _all_planes((image_offset, kernel_offset, mask))
        for pixels in _bands(x, geometry):
            band = _Band(pixels, inputs, rows, x, geometry, False)
            out[pixels] = band.output(weight)
        return _to_images(out, geometry)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Any, ...]:
        x, weight, *pixel_inputs = ctx.saved_tensors
        if torch.is_grad_enabled() or plain_form.needs_plain() or \
                plain_form.in_legacy_vmap(grad_out):
            return *differentiable_gradients(grad_out, ctx.saved_tensors,
                                             ctx.geometry), None
        rows, inputs = pixel_rows(x, 1).squeeze(2), _all_planes(pixel_inputs)
        grad_rows, grad_weight = torch.zeros_like(rows), torch.zeros_like(
            weight)
        grads = [None if t is None else torch.empty_like(t) for t in inputs]
        to_rows = pixel_rows(grad_out, 1).squeeze(2)
        for pixels in _bands(x, ctx.geometry):
            band = _Band(pixels, inputs, rows, x, ctx.geometry, True)
            by_rows, by_weight, *others = _gradients(band, weight,
                                                     to_rows[pixels])
            grad_rows[band.pixels] += by_rows[:-1]
            grad_weight += by_weight
            for grad in grads:
                if grad is not None:
                    grad[..., pixels] = others.pop(0)
        n, channels, h, w = x.shape
        grad_x = grad_rows.reshape(n, h, w, channels).permute(0, 3, 1, 2)
        return grad_x.contiguous(), grad_weight, *(
            None if grad is None else from_planes(grad, like)
            for grad, like in zip(grads, pixel_inputs)), None


def _gradients(band: _Band, weight: Tensor,
               grad_out: Tensor) -> tuple[Tensor, ...]:
    """Compute a band's gradients of rows, weight and per-pixel inputs."""
    weight = weight.detach().requires_grad_()
    with torch.enable_grad():
        out = band.output(weight)
    others = (band.offset, band.kernel_offset, band.mask)
    leaves = [band.rows, weight, *(t for t in others if t is not None)]
    return torch.autograd.grad(out, leaves, grad_out)
