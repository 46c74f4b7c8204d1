# Copyright (c) DKSAN-MM contributors.
"""The C++ operators: their gradients and what torch.compile must know."""

import functools
from typing import List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from . import extension, torch_path
from .checks import Geometry

FORMS = ('depthwise', 'dense')


def convolve(x: Tensor,
             weight: Tensor,
             image_offset: Optional[Tensor],
             kernel_offset: Optional[Tensor],
             mask: Optional[Tensor],
             geometry: Geometry,
             *,
             offset_groups: int = 1,
             flat_edge: bool = False) -> Tensor:
    """Deformable kernel convolution of CPU tensors, all of one type.

    Args:
        x (Tensor[n, c, h, w]): Input, float32 or float64.
        weight (Tensor[c_out, c / groups, s, s]): The scope, or without kernel
            offsets the kernel at rest, with as many rows and columns as it
            has taps.
        image_offset (Tensor[n, 2GK, h_out, w_out], optional): Image offsets
            of G offset groups.
        kernel_offset (Tensor[n, 2GK, h_out, w_out], optional): Kernel
            offsets.
        mask (Tensor[n, GK, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): As checked.
        offset_groups (int): G, groups of channels with offsets of their own.
        flat_edge (bool): What the gradient of an offset is where a sample
            lies exactly one pixel outside ``x``: 0 as in mmcv, or the slope
            to its right (False).

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output, in the memory format of ``x``.
    """
    if torch.jit.is_tracing():
        raise RuntimeError('torch.jit.trace would keep the size of the traced '
                           'input in a deformable convolution; use '
                           'torch.export')
    settings = [
        *geometry.kernel_size, *geometry.stride, *geometry.padding,
        *geometry.dilation, *geometry.out_shape[1:], weight.shape[-1],
        int(flat_edge), geometry.groups, offset_groups
    ]
    pixel_inputs = (image_offset, kernel_offset, mask)
    if torch_path.needs_plain():
        _check_plain(offset_groups, 'forward mode and torch.func')
        return torch_path.convolve(x, weight, *pixel_inputs, geometry)
    single = weight.shape[1] == 1 and offset_groups == 1
    if not single:
        return torch.ops.dksan_mm.dense_forward(x, weight.flatten(2),
                                                *pixel_inputs, settings)
    filters = weight.unflatten(0, (geometry.groups, -1)).flatten(3)
    outputs = [
        torch.ops.dksan_mm.depthwise_forward(x, filters[:, i, 0],
                                             *pixel_inputs, settings)
        for i in range(filters.shape[1])
    ]
    if len(outputs) == 1:
        return outputs[0]
    return torch.stack(outputs, 2).flatten(1, 2)


@functools.lru_cache(maxsize=None)
def load() -> bool:
    """Load the operators, and tell torch of their shapes and gradients.

    Returns:
        bool: Whether they are there; if not, a warning said why.
    """
    if not extension.load():
        return False
    for form in FORMS:
        name = f'dksan_mm::{form}'
        backward = getattr(torch.ops.dksan_mm, f'{form}_backward')
        torch.library.register_fake(f'{name}_forward', _output)
        torch.library.register_fake(f'{name}_backward', _gradients)
        torch.library.register_autograd(
            f'{name}_forward',
            functools.partial(_backward, backward),
            setup_context=_save)
    return True


def _output(x: Tensor, weight: Tensor, image_offset: Optional[Tensor],
            kernel_offset: Optional[Tensor], mask: Optional[Tensor],
            settings: List[int]) -> Tensor:
    return _like(x, (x.shape[0], weight.shape[0], *settings[8:10]))


def _gradients(grad_out: Tensor, x: Tensor, weight: Tensor,
               image_offset: Optional[Tensor], kernel_offset: Optional[Tensor],
               mask: Optional[Tensor], settings: List[int]) -> List[Tensor]:
    present = [t for t in (image_offset, kernel_offset, mask) if t is not None]
    return [
        _like(x, x.shape), *(t.new_empty(t.shape) for t in (weight, *present))
    ]


def _like(x: Tensor, shape: Tuple[int, ...]) -> Tensor:
    """An empty tensor in the memory format that the operators give."""
    last = not x.is_contiguous() and x.is_contiguous(
        memory_format=torch.channels_last)
    return x.new_empty(shape).contiguous(
        memory_format=torch.channels_last if last else torch.contiguous_format)


def _save(ctx, inputs: tuple, output: Tensor) -> None:
    *tensors, ctx.settings = inputs
    ctx.save_for_backward(*tensors)


def _backward(operator, ctx, grad_out: Tensor) -> tuple:
    tensors = ctx.saved_tensors
    if torch.is_grad_enabled() or torch_path.needs_plain():
        # Asked for by create_graph=True: gradients of gradients.
        return *_differentiable(grad_out, tensors, ctx.settings), None
    grads = iter(operator(grad_out, *tensors, ctx.settings))
    return (*(None if t is None else next(grads) for t in tensors), None)


def _differentiable(grad_out: Tensor, tensors: Sequence[Optional[Tensor]],
                    settings: List[int]) -> List[Optional[Tensor]]:
    """Gradients that can be differentiated again, in pure torch."""
    x, weight, *others = tensors
    kernel, stride, padding, dilation, size = (
        tuple(settings[i:i + 2]) for i in range(0, 10, 2))
    scope, _, groups, offset_groups = settings[10:]
    _check_plain(offset_groups, 'a second derivative')
    geometry = Geometry(kernel, stride, padding, dilation, groups,
                        (x.shape[0], *size))
    square = kernel if others[1] is None else (scope, scope)
    whole = weight.reshape(weight.shape[0], -1, *square)
    grads = torch_path.differentiable_gradients(grad_out, (x, whole, *others),
                                                geometry)
    return [grads[0], grads[1].reshape(weight.shape), *grads[2:]]


def _check_plain(offset_groups: int, what: str) -> None:
    if offset_groups > 1:
        raise NotImplementedError(
            f'{what} of a deformable convolution with {offset_groups} groups '
            'of offsets is not implemented; with one group it is')
