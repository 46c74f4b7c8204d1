# Copyright (c) DKSAN-MM contributors.
"""Partial gradients of the kernels, and their registration with autograd."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import plain_form
from ..checks import Inputs
from ..differentiable import differentiable
from .launch import by_pixel, formatted, is_last

Settings = list[int]


def allocate(tensors: Inputs, wanted: list[bool], weight_shape: Sequence[int],
             parts: int) -> list[Tensor | None]:
    """Allocate the partial gradients; None if unwanted.

    Args:
        tensors (tuple): Input tensors of the operator.
        wanted (list[bool]): Whether each tensor's gradient is wanted.
        weight_shape (Sequence[int]): Shape of all partial weight gradients.
        parts (int): Number of partial gradients of offsets and mask.
    """
    x = tensors[0]
    offsets, last = by_pixel(*tensors[2:])
    n, channels, h, w = x.shape
    new = functools.partial(x.new_empty, dtype=torch.float32)
    shares: list[Tensor | None] = [
        new((n, h, w, channels)).zero_() if wanted[0] else None,
        new(weight_shape) if wanted[1] else None
    ]
    for tensor, want in zip(offsets, wanted[2:]):
        shares.append(None if tensor is None or not want else formatted(
            new((parts * n, *tensor.shape[1:])), last))
    return shares


def add_up(tensors: Inputs, shares: Sequence[Tensor | None],
           in_shape: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Sum the partial gradients, in the dtypes of the tensors.

    Args:
        tensors (tuple): Input tensors of the operator.
        shares (Sequence[Tensor | None]): Partial gradients to sum.
        in_shape (Callable): Function that reshapes the weight gradient.
    """
    x, weight, *offsets = tensors
    grad_x, grad_weight, *others = shares
    totals = []
    if grad_x is not None:
        grad_x = grad_x.permute(0, 3, 1, 2)
        totals.append(formatted(grad_x.to(x.dtype), is_last(x)))
    if grad_weight is not None:
        grad_weight = in_shape(grad_weight.sum(0))
        totals.append(grad_weight.to(weight.dtype).contiguous())
    for tensor, grad in zip(offsets, others):
        if grad is not None and tensor is not None:
            if len(grad) > len(x):
                grad = grad.unflatten(0, (-1, len(x))).sum(0)
            totals.append(grad.to(tensor.dtype))
    return totals


def connect(forward: torch.library.CustomOpDef,
            backward: torch.library.CustomOpDef,
            whole_settings: Callable[[Tensor, Settings], Settings]) -> None:
    """Register one operator as the gradient of another.

    Args:
        forward (CustomOpDef): Operator of five tensors and settings.
        backward (CustomOpDef): Operator of the output's gradient, the
            arguments of ``forward``, and which gradients are wanted.
        whole_settings (Callable): Converts ``x`` and the settings to those of
            :func:`~dksan_mm.ops.differentiable.plain_terms`.
    """

    def save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.settings = inputs
        ctx.save_for_backward(*tensors)

    def differentiate(ctx: Any, grad_out: Tensor) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        if torch.is_grad_enabled() or plain_form.needs_plain():
            settings = whole_settings(tensors[0], ctx.settings)
            return *_in_torch(grad_out, tensors, settings), None
        wanted = list(ctx.needs_input_grad[:5])
        grads = iter(backward(grad_out, *tensors, ctx.settings, wanted))
        return (*(next(grads) if want else None for want in wanted), None)

    backward.register_fake(_empty)
    forward.register_autograd(differentiate, setup_context=save)


def _empty(grad_out: Tensor, x: Tensor, weight: Tensor,
           image_offset: Tensor | None, kernel_offset: Tensor | None,
           mask: Tensor | None, settings: Settings,
           wanted: list[bool]) -> list[Tensor]:
    """Create gradients without data, for tracing."""
    offsets, _ = by_pixel(image_offset, kernel_offset, mask)
    grads: list[Tensor | None] = [
        formatted(torch.empty_like(x), is_last(x)),
        torch.empty_like(weight, memory_format=torch.contiguous_format),
        *(None if t is None else torch.empty_like(t) for t in offsets)
    ]
    return [
        grad for grad, want in zip(grads, wanted) if want and grad is not None
    ]


def _in_torch(grad_out: Tensor, tensors: Inputs,
              settings: Settings) -> list[Tensor | None]:
    """Compute differentiable gradients in float32."""
    x, weight, *others = tensors
    offset, kernel_offset, mask = (None if t is None else t.float()
                                   for t in others)
    grads = differentiable(
        grad_out.float(),
        (x.float(), weight.float(), offset, kernel_offset, mask), settings)
    return [
        None if t is None or grad is None else grad.to(t.dtype)
        for t, grad in zip(tensors, grads)
    ]
