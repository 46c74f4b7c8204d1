# Copyright (c) DKSAN-MM contributors.
"""Operator in pure torch for all pixels at once.

torch derives derivatives of every order and its transforms from this form.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from .checks import Geometry, Inputs
from .sampling import image_corners, scope_matrix


def refuse_tracing() -> None:
    """Raise an error inside ``torch.jit.trace``.

    Raises:
        RuntimeError: If it is running, because the settings contain the output
            size, which the trace would fix.
    """
    if torch.jit.is_tracing():
        raise RuntimeError('torch.jit.trace would keep the size of the traced '
                           'input in a deformable convolution; use '
                           'torch.export')


def needs_plain() -> bool:
    """Return whether derivatives beyond plain backpropagation are needed.

    Forward-mode derivatives and the transforms of ``torch.func`` need the
    plain form; they cannot differentiate a custom operator.
    """
    return (forward_ad._current_level >= 0
            or bool(torch._C._are_functorch_transforms_active()))


def in_legacy_vmap(grad_out: Tensor) -> bool:
    """Return whether ``grad_out`` is a batch of gradients.

    ``torch.autograd.grad(is_grads_batched=True)`` creates such tensors, and so
    does ``torch.autograd.functional`` with ``vectorize=True``.
    """
    keys = torch._C._dispatch_keys(grad_out)
    return bool(keys.has(torch._C._dispatch_key_parse('Batched')))


def has_numbers(x: Tensor) -> bool:
    """Return whether the code may depend on the values of ``x``.

    It may not if calls are recorded to be repeated with other values, or if
    there are no values, as on the meta device and in ``FakeTensorMode``.
    """
    return type(x) in (Tensor, nn.Parameter) and not x.is_meta and \
        _get_current_dispatch_mode() is None


def plain(x: Tensor, weight: Tensor, image_offset: Tensor | None,
          kernel_offset: Tensor | None, mask: Tensor | None,
          geometry: Geometry) -> Tensor:
    """Compute the output ``(p, c_out)`` of all pixels at once."""
    n, h_out, w_out = geometry.out_shape
    pixels = torch.arange(n * h_out * w_out, device=x.device)
    groups = geometry.offset_groups
    # The channels of each pixel, and a row of zeros for what is outside.
    rows = F.pad(x.permute(0, 2, 3, 1).flatten(0, 2), (0, 0, 0, 1))
    sets = rows.chunk(groups, 1)
    offsets, kernel_offsets, masks = ([None] * groups
                                      if t is None else t.chunk(groups, 1)
                                      for t in (image_offset, kernel_offset,
                                                mask))
    parts = []
    for group in range(groups):
        index, corner = image_corners(pixels, offsets[group], x, geometry)
        # Not rows[index], whose gradient vmap cannot batch.
        read = sets[group].index_select(0, index.flatten())
        columns = (read.unflatten(0, index.shape) * corner[..., None]).sum(2)
        parts.append(
            cells(columns, weight, kernel_offsets[group], masks[group],
                  geometry))
    return contract(parts[0] if groups == 1 else torch.cat(parts, 2), weight)


def cells(columns: Tensor, weight: Tensor, kernel_offset: Tensor | None,
          mask: Tensor | None, geometry: Geometry) -> Tensor:
    """Distribute the taps of ``(p, k, c)`` columns to the weight's cells."""
    if mask is not None:
        columns = columns * mask
    if kernel_offset is None:
        return columns
    matrix = scope_matrix(kernel_offset, weight.shape[-1], geometry)
    return torch.bmm(matrix.transpose(1, 2), columns)


def contract(columns: Tensor, weight: Tensor) -> Tensor:
    """Contract ``(p, cell, c)`` columns with the weight."""
    p, cells, channels = columns.shape
    c_out, width = weight.shape[:2]
    if (c_out, width) == (channels, 1):
        return (columns * weight.flatten(1).T).sum(1)
    if width == channels:
        return columns.flatten(1) @ weight.flatten(2).permute(2, 1, 0).reshape(
            cells * channels, c_out)
    columns = columns.unflatten(2, (-1, width)).permute(2, 0, 1, 3)
    weight = weight.flatten(2).unflatten(0, (len(columns), -1))
    out = torch.bmm(
        columns.reshape(len(columns), p, cells * width),
        weight.permute(0, 3, 2, 1).reshape(len(columns), cells * width, -1))
    return out.transpose(0, 1).reshape(p, c_out)


def plain_gradients(grad_out: Tensor, tensors: Inputs,
                    geometry: Geometry) -> list[Tensor | None]:
    """Compute differentiable gradients of ``plain``."""

    def run(x: Tensor, weight: Tensor, *present: Tensor) -> Tensor:
        given = iter(present)
        offset, kernel_offset, mask = (None if t is None else next(given)
                                       for t in tensors[2:])
        return plain(x, weight, offset, kernel_offset, mask, geometry)

    pull: Callable[[Tensor], tuple[Tensor, ...]]
    _, pull, *_ = torch.func.vjp(run, *(t for t in tensors if t is not None))
    grads = iter(pull(grad_out))
    return [None if t is None else next(grads) for t in tensors]
