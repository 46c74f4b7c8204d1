# Copyright (c) DKSAN-MM contributors.
"""The C++ operators: their gradients and what torch.compile must know."""

import functools
from typing import List, Optional, Tuple

import torch
from torch import Tensor

from .checks import Geometry


def depthwise(x: Tensor, weight: Tensor, image_offset: Optional[Tensor],
              kernel_offset: Optional[Tensor], mask: Optional[Tensor],
              geometry: Geometry) -> Tensor:
    """The depthwise form, all tensors float32 or all float64.

    Args:
        x (Tensor[n, c, h, w]): Input.
        weight (Tensor[c, 1, s, s]): The scope, or without kernel offsets the
            kernel at rest, ``(c, 1, rows, cols)``.
        image_offset (Tensor[n, 2K, h_out, w_out], optional): Image offsets.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Kernel offsets.
        mask (Tensor[n, K, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): As checked.

    Returns:
        Tensor[n, c, h_out, w_out]: Output, in the memory format of ``x``.
    """
    _register()
    return torch.ops.dksan_mm.depthwise_forward(
        x, weight.flatten(1), image_offset, kernel_offset, mask,
        _settings(geometry, weight.shape[-1]))


def _settings(geometry: Geometry, scope: int, flat_edge: bool = False
              ) -> List[int]:
    """The numbers that ``make_geometry`` in csrc/arguments.h reads."""
    return [
        *geometry.kernel_size, *geometry.stride, *geometry.padding,
        *geometry.dilation, *geometry.out_shape[1:], scope,
        int(flat_edge)
    ]


@torch.compiler.assume_constant_result
@functools.lru_cache(maxsize=None)
def _register() -> None:
    """Tell torch of shapes and gradients, once the library is loaded."""
    torch.library.register_fake('dksan_mm::depthwise_forward',
                                _depthwise_shape)
    torch.library.register_fake('dksan_mm::depthwise_backward',
                                _depthwise_grad_shapes)
    torch.library.register_autograd(
        'dksan_mm::depthwise_forward',
        _depthwise_backward,
        setup_context=_save)


def _depthwise_shape(x, weight, image_offset, kernel_offset, mask, settings):
    return _like(x, (x.shape[0], x.shape[1], settings[8], settings[9]))


def _depthwise_grad_shapes(grad_out, x, weight, image_offset, kernel_offset,
                           mask, settings):
    present = [t for t in (image_offset, kernel_offset, mask) if t is not None]
    contiguous = [t.new_empty(t.shape) for t in (weight, *present)]
    return [_like(x, x.shape), *contiguous]


def _like(x: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """An empty tensor in the memory format that the operators give."""
    last = not x.is_contiguous() and x.is_contiguous(
        memory_format=torch.channels_last)
    return x.new_empty(shape).contiguous(
        memory_format=torch.channels_last if last else torch.contiguous_format)


def _save(ctx, inputs, output) -> None:
    *tensors, ctx.settings = inputs
    ctx.save_for_backward(*tensors)


def _depthwise_backward(ctx, grad_out):
    tensors = ctx.saved_tensors
    grads = iter(
        torch.ops.dksan_mm.depthwise_backward(grad_out, *tensors,
                                              ctx.settings))
    return (*(None if t is None else next(grads) for t in tensors), None)
