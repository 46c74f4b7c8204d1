# Copyright (c) DKSAN-MM contributors.
"""Gradients of compiled operators that can be differentiated again."""
from torch import Tensor

from . import torch_path
from .checks import Geometry, Inputs


def plain_terms(tensors: Inputs,
                settings: list[int]) -> tuple[Geometry, Inputs]:
    """Arguments of a compiled operator as pure torch takes them.

    Args:
        tensors (tuple): x, weight with its cells in one row, image offsets,
            kernel offsets and mask.
        settings (list[int]): Rows and columns of the kernel, stride, padding,
            dilation and output size; the scope, whether the edge is flat,
            groups of channels and of offsets.

    Returns:
        tuple: The geometry, and the tensors with the weight's cells in rows
        and columns.
    """
    x, weight, image_offset, kernel_offset, mask = tensors
    kernel, stride, padding, dilation, size = ((settings[i], settings[i + 1])
                                               for i in range(0, 10, 2))
    scope, flat_edge, groups, offset_groups = settings[10:]
    geometry = Geometry(kernel, stride, padding, dilation, groups,
                        (x.shape[0], *size), offset_groups, bool(flat_edge))
    square = kernel if kernel_offset is None else (scope, scope)
    whole = weight.reshape(weight.shape[0], -1, *square)
    return geometry, (x, whole, image_offset, kernel_offset, mask)


def differentiable(grad_out: Tensor, tensors: Inputs,
                   settings: list[int]) -> list[Tensor | None]:
    """Gradients in pure torch; arguments as of :func:`plain_terms`."""
    geometry, whole = plain_terms(tensors, settings)
    grads = torch_path.differentiable_gradients(grad_out, whole, geometry)
    by_x, by_weight, *others = grads
    if by_weight is not None:
        by_weight = by_weight.reshape(tensors[1].shape)
    return [by_x, by_weight, *others]
