# Copyright (c) DKSAN-MM contributors.
"""C++ operators with their gradients and support of torch.compile."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from . import extension, plain_form, torch_path
from .checks import Geometry
from .differentiable import differentiable, plain_terms

FORMS = ('depthwise', 'dense')
# Types of images that the operators read and write, computing in float32.
HALVES = (torch.bfloat16, torch.float16)

_library = torch.library.Library('dksan_mm', 'FRAGMENT')


def convolve(x: Tensor,
             weight: Tensor,
             image_offset: Tensor | None,
             kernel_offset: Tensor | None,
             mask: Tensor | None,
             geometry: Geometry,
             bias: Tensor | None = None) -> Tensor:
    """Apply the deformable kernel convolution to CPU tensors.

    Args:
        x (Tensor[n, c, h, w]): Input of the dtype of the other tensors
            (float32 or float64), or half precision with float32 tensors.
        weight (Tensor[c_out, c / groups, s, s]): Scope; without kernel
            offsets, the kernel at rest with one row and column for each row
            and column of taps.
        image_offset (Tensor[n, 2GK, h_out, w_out], optional): Image offsets
            of G offset groups.
        kernel_offset (Tensor[n, 2GK, h_out, w_out], optional): Kernel
            offsets.
        mask (Tensor[n, GK, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): Checked settings.
        bias (Tensor[c_out], optional): Numbers to add to the output, before
            it is rounded to the dtype of ``x``.

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output in the dtype and the memory
        format of ``x``.
    """
    plain_form.refuse_tracing()
    pixel_inputs = (image_offset, kernel_offset, mask)
    if plain_form.needs_plain():
        plain = torch_path.convolve(
            x.to(weight.dtype), weight, *pixel_inputs, geometry)
        return _plus(plain, bias).to(x.dtype)
    settings = geometry.settings(weight.shape[-1])
    single = weight.shape[1] == 1 and geometry.offset_groups == 1
    if not single:
        out: Tensor = torch.ops.dksan_mm.dense_forward(x, weight.flatten(2),
                                                       *pixel_inputs, settings,
                                                       bias)
        return out
    if bias is not None:  # the depthwise operators have none
        whole = convolve(x.to(weight.dtype), weight, *pixel_inputs, geometry)
        return _plus(whole, bias).to(x.dtype)
    return _depthwise(x, weight.unflatten(0, (geometry.groups, -1)),
                      pixel_inputs, settings)


def _depthwise(x: Tensor, weight: Tensor, pixel_inputs: tuple[Tensor | None,
                                                              ...],
               settings: list[int]) -> Tensor:
    """Run the depthwise operator for each filter of a channel."""
    filters = weight.flatten(3)
    outputs: list[Tensor] = [
        torch.ops.dksan_mm.depthwise_forward(x, filters[:, i, 0],
                                             *pixel_inputs, settings)
        for i in range(filters.shape[1])
    ]
    if len(outputs) == 1:
        return outputs[0]
    return torch.stack(outputs, 2).flatten(1, 2)


@functools.lru_cache(maxsize=None)
def load() -> bool:
    """Load the operators and register their shapes and gradients.

    Returns:
        bool: Whether they are available; if not, a warning says why.
    """
    if not extension.load():
        return False
    for form in FORMS:
        forward, backward = (
            getattr(torch.ops.dksan_mm, f'{form}_{way}').default
            for way in ('forward', 'backward'))
        torch.library.register_fake(forward, _output)
        torch.library.register_fake(backward, _gradients)
        for operator, rule in ((forward, _forward_rule), (backward,
                                                          _backward_rule)):
            # Not register_autograd: it drops forward-mode derivatives.
            _library.impl(operator, functools.partial(rule, forward, backward),
                          'Autograd')
    return True


def _output(x: Tensor,
            weight: Tensor,
            image_offset: Tensor | None,
            kernel_offset: Tensor | None,
            mask: Tensor | None,
            settings: list[int],
            bias: Tensor | None = None) -> Tensor:
    return _like(x, (x.shape[0], weight.shape[0], *settings[8:10]))


def _gradients(grad_out: Tensor, x: Tensor, weight: Tensor,
               image_offset: Tensor | None, kernel_offset: Tensor | None,
               mask: Tensor | None, settings: list[int]) -> list[Tensor]:
    present = [t for t in (image_offset, kernel_offset, mask) if t is not None]
    return [
        _like(x, x.shape), *(t.new_empty(t.shape) for t in (weight, *present))
    ]


def _plus(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias.view(1, -1, 1, 1)


def _like(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Create an empty tensor in the memory format of the operators."""
    last = not x.is_contiguous() and x.is_contiguous(
        memory_format=torch.channels_last)
    return torch.empty(
        shape,
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last if last else torch.contiguous_format)


class _Operator(torch.autograd.Function):
    """Forward operator with the backward operator as its gradient."""

    @staticmethod
    def forward(ctx: Any, forward: Callable[..., Any],
                backward: Callable[..., Any], settings: list[int],
                bias: Tensor | None, *tensors: Tensor | None) -> Tensor:
        ctx.operator, ctx.settings = backward, settings
        ctx.save_for_backward(*tensors)
        with torch._C._AutoDispatchBelowAutograd():
            return _run(forward, tensors, settings, bias)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        by_bias = None
        if ctx.needs_input_grad[3]:
            by_bias = grad_out.to(tensors[1].dtype).sum((0, 2, 3))
        if plain_form.needs_plain() or plain_form.in_legacy_vmap(grad_out):
            return None, None, None, by_bias, *differentiable(
                grad_out, tensors, ctx.settings)
        grads = iter(ctx.operator(grad_out, *tensors, ctx.settings))
        return (None, None, None, by_bias, *(None if t is None else next(grads)
                                             for t in tensors))


def _forward_rule(forward: Callable[..., Any],
                  backward: Callable[..., Any],
                  x: Tensor,
                  weight: Tensor,
                  image_offset: Tensor | None,
                  kernel_offset: Tensor | None,
                  mask: Tensor | None,
                  settings: list[int],
                  bias: Tensor | None = None) -> Tensor:
    """Dispatch the forward operator, also for higher derivatives."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    if plain_form.needs_plain():
        geometry, whole = plain_terms(tensors, settings)
        out = torch_path.convolve(*whole, geometry)
        return _plus(out, bias).to(x.dtype)
    if _recorded([*tensors, bias]):
        run: Callable[..., Tensor] = _Operator.apply
        return run(forward, backward, settings, bias, *tensors)
    with torch._C._AutoDispatchBelowAutograd():
        return _run(forward, tensors, settings, bias)


def _run(forward: Callable[..., Tensor], tensors: Sequence[Tensor | None],
         settings: list[int], bias: Tensor | None) -> Tensor:
    """Run the forward operator; the depthwise one has no bias."""
    if bias is None:
        return forward(*tensors, settings)
    return forward(*tensors, settings, bias)


def _backward_rule(forward: Callable[..., Any], backward: Callable[..., Any],
                   grad_out: Tensor, x: Tensor, weight: Tensor,
                   image_offset: Tensor | None, kernel_offset: Tensor | None,
                   mask: Tensor | None, settings: list[int]) -> list[Tensor]:
    """Dispatch the backward operator, also for higher derivatives."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    if torch._C._are_functorch_transforms_active():
        raise NotImplementedError(
            'torch.func cannot look into the gradient operators of a '
            'deformable convolution; apply it to the convolution itself')
    if plain_form.needs_plain() or _recorded([grad_out, *tensors]):
        # Gradients of gradients, for create_graph=True.
        grads = differentiable(grad_out, tensors, settings)
        return [grad for grad in grads if grad is not None]
    with torch._C._AutoDispatchBelowAutograd():
        computed: list[Tensor] = backward(grad_out, *tensors, settings)
    return computed


def _recorded(tensors: Sequence[Tensor | None]) -> bool:
    """Return whether autograd records operations on the tensors."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad
                                           for t in tensors)
