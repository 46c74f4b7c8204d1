# Copyright (c) DKSAN-MM contributors.
"""Gradients of compiled operators that can be differentiated again."""
from collections.abc import Sequence

from torch import Tensor

from . import torch_path
from .checks import Geometry


def plain_terms(
        tensors: Sequence[Tensor | None],
        settings: list[int]) -> tuple[Geometry, tuple[Tensor | None, ...]]:
    """Arguments of a compiled operator as pure torch takes them.

    Args:
        tensors (Sequence[Tensor | None]): x, weight with its cells in one
            row, image offsets, kernel offsets and mask.
        settings (list[int]): Rows and columns of the kernel, stride, padding,
            dilation and output size; the scope, whether the edge is flat,
            groups of channels and of offsets.

    Returns:
        tuple: The geometry, and the tensors with the weight's cells in rows
        and columns.
    """
    x, weight, *others = tensors
    kernel, stride, padding, dilation, size = (
        tuple(settings[i:i + 2]) for i in range(0, 10, 2))
    scope, flat_edge, groups, offset_groups = settings[10:]
    geometry = Geometry(kernel, stride, padding, dilation, groups,
                        (x.shape[0], *size), offset_groups, bool(flat_edge))
    square = kernel if others[1] is None else (scope, scope)
    whole = weight.reshape(weight.shape[0], -1, *square)
    return geometry, (x, whole, *others)


def differentiable(grad_out: Tensor, tensors: Sequence[Tensor | None],
                   settings: list[int]) -> list[Tensor | None]:
    """Gradients in pure torch; arguments as of :func:`plain_terms`."""
    geometry, whole = plain_terms(tensors, settings)
    grads = torch_path.differentiable_gradients(grad_out, whole, geometry)
    return [grads[0], grads[1].reshape(tensors[1].shape), *grads[2:]]
