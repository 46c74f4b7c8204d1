# Copyright (c) DKSAN-MM contributors.
"""Differentiable gradients of compiled operators."""
from torch import Tensor

from . import torch_path
from .checks import Geometry, Inputs


def plain_terms(tensors: Inputs,
                settings: list[int]) -> tuple[Geometry, Inputs]:
    """Convert arguments of a compiled operator to those of pure torch.

    Args:
        tensors (tuple): x, weight with flattened cells, image offsets, kernel
            offsets and mask.
        settings (list[int]): Numbers of :meth:`Geometry.settings`.

    Returns:
        tuple: Geometry, and the tensors, all of the weight's dtype, with the
        weight's cells in rows and columns.
    """
    x, weight, image_offset, kernel_offset, mask = tensors
    kernel, stride, padding, dilation, size = ((settings[i], settings[i + 1])
                                               for i in range(0, 10, 2))
    scope, flat_edge, groups, offset_groups = settings[10:]
    geometry = Geometry(kernel, stride, padding, dilation, groups,
                        (x.shape[0], *size), offset_groups, bool(flat_edge))
    square = kernel if kernel_offset is None else (scope, scope)
    whole = weight.reshape(weight.shape[0], -1, *square)
    return geometry, (x.to(weight.dtype), whole, image_offset, kernel_offset,
                      mask)


def differentiable(grad_out: Tensor, tensors: Inputs,
                   settings: list[int]) -> list[Tensor | None]:
    """Compute gradients in pure torch; arguments as in :func:`plain_terms`."""
    geometry, whole = plain_terms(tensors, settings)
    x, weight = tensors[:2]
    grads = torch_path.differentiable_gradients(
        grad_out.to(weight.dtype), whole, geometry)
    by_x, by_weight, *others = grads
    if by_x is not None:
        by_x = by_x.to(x.dtype)
    if by_weight is not None:
        by_weight = by_weight.reshape(weight.shape)
    return [by_x, by_weight, *others]
