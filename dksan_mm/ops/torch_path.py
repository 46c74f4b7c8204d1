# Copyright (c) DKSAN-MM contributors.
"""The operator in pure torch, in bands of output pixels.

The columns of a whole image would take 9 to 25 times the image. A band's are
made, used and forgotten, and made again for the gradients.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from .checks import Geometry
from .sampling import image_corners, per_pixel, scope_matrix

# Bytes of the largest tensor of a band: what stays in a processor's cache,
# and what keeps a GPU busy.
BAND_BYTES = dict(cpu=2**21, cuda=2**27)


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Deformable kernel convolution, all tensors of one type.

    Args:
        x (Tensor[n, c, h, w]): Input.
        weight (Tensor[c_out, c / groups, s, s]): The scope, or without kernel
            offsets the kernel at rest.
        image_offset (Tensor[n, 2GK, h_out, w_out], optional): Image offsets
            of G offset groups.
        kernel_offset (Tensor[n, 2GK, h_out, w_out], optional): Kernel
            offsets.
        mask (Tensor[n, GK, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): As checked.

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output.
    """
    refuse_tracing()
    pixel_inputs = (per_pixel(image_offset,
                              2), per_pixel(kernel_offset,
                                            2), per_pixel(mask, 1))
    # torch.compile fuses the plain form, and cannot see into bands.
    inputs = (x, weight, *pixel_inputs)
    run = _Banded.apply
    if torch.compiler.is_compiling() or needs_plain() or x.is_meta:
        run = _plain
    elif geometry.offset_groups > 1:
        recorded = torch.is_grad_enabled() and any(
            t is not None and t.requires_grad for t in inputs)
        run = _plain if recorded else _plain_bands
    out = run(*inputs, geometry)
    n, h_out, w_out = geometry.out_shape
    out = out.reshape(n, h_out, w_out, weight.shape[0])
    return out.permute(0, 3, 1, 2).contiguous()


def refuse_tracing() -> None:
    """Raise an error inside ``torch.jit.trace``.

    Raises:
        RuntimeError: If it is at work: the settings hold the output's size,
            which would be that of the traced input ever after.
    """
    if torch.jit.is_tracing():
        raise RuntimeError('torch.jit.trace would keep the size of the traced '
                           'input in a deformable convolution; use '
                           'torch.export')


def needs_plain() -> bool:
    """Return whether derivatives beyond plain backpropagation are asked for.

    Forward-mode derivatives and ``torch.func``'s transforms: they look into
    the plain form, as they cannot into an operator of our own.
    """
    return (forward_ad._current_level >= 0
            or torch._C._are_functorch_transforms_active())


def in_legacy_vmap(grad_out: Tensor) -> bool:
    """Return whether ``grad_out`` holds several gradients at once.

    ``torch.autograd.grad(is_grads_batched=True)`` makes such tensors, and
    with it ``torch.autograd.functional`` where ``vectorize=True``.
    """
    keys = torch._C._dispatch_keys(grad_out)
    return keys.has(torch._C._dispatch_key_parse('Batched'))


def differentiable_gradients(grad_out: Tensor,
                             tensors: Sequence[Tensor | None],
                             geometry: Geometry) -> list[Tensor | None]:
    """Gradients that can be differentiated again, as often as wanted.

    From the plain form of the whole image: several times the memory of the
    operators.

    Args:
        grad_out (Tensor[n, c_out, h_out, w_out]): Gradient of the output.
        tensors (Sequence[Tensor | None]): The first five arguments of
            :func:`convolve`.
        geometry (Geometry): As checked.

    Returns:
        list[Tensor | None]: One for each tensor.
    """
    x, weight, image_offset, kernel_offset, mask = tensors
    rows = per_pixel(grad_out, 1).squeeze(2)
    pixel_inputs = [(image_offset, 2), (kernel_offset, 2), (mask, 1)]
    grads = _plain_gradients(rows, (x, weight, *(per_pixel(*pair)
                                                 for pair in pixel_inputs)),
                             geometry)
    n, h_out, w_out = geometry.out_shape
    return grads[:2] + [
        None if g is None else g.reshape(n, h_out, w_out, -1).permute(
            0, 3, 1, 2) for g in grads[2:]
    ]


def _plain(x: Tensor, weight: Tensor, image_offset: Tensor | None,
           kernel_offset: Tensor | None, mask: Tensor | None,
           geometry: Geometry) -> Tensor:
    """Output ``(p, c_out)`` of all pixels at once."""
    n, h_out, w_out = geometry.out_shape
    pixels = torch.arange(n * h_out * w_out, device=x.device)
    return _plain_rows(pixels, _image_rows(x), x, weight, image_offset,
                       kernel_offset, mask, geometry)


def _plain_bands(x: Tensor, weight: Tensor, image_offset: Tensor | None,
                 kernel_offset: Tensor | None, mask: Tensor | None,
                 geometry: Geometry) -> Tensor:
    """``_plain`` band by band, where nothing is kept for gradients."""
    rows, inputs = _image_rows(x), (image_offset, kernel_offset, mask)
    parts = [
        _plain_rows(
            _numbers(band, x), rows, x, weight,
            *(None if t is None else t[band] for t in inputs), geometry)
        for band in _bands(x, geometry)
    ]
    return torch.cat(parts) if parts else x.new_empty(0, weight.shape[0])


def _plain_rows(pixels: Tensor, rows: Tensor, x: Tensor, weight: Tensor,
                image_offset: Tensor | None, kernel_offset: Tensor | None,
                mask: Tensor | None, geometry: Geometry) -> Tensor:
    """Output of some pixels, whose per-pixel inputs are given."""
    groups = geometry.offset_groups
    rows = rows.chunk(groups, 1)
    offsets, kernel_offsets, masks = ([None] * groups
                                      if t is None else t.chunk(groups, 1)
                                      for t in (image_offset, kernel_offset,
                                                mask))
    parts = []
    for group in range(groups):
        index, corner = image_corners(pixels, offsets[group], x, geometry)
        # Not rows[index], whose gradient no vmap can batch.
        read = rows[group].index_select(0, index.flatten())
        columns = (read.unflatten(0, index.shape) * corner[..., None]).sum(2)
        parts.append(
            _cells(columns, weight, kernel_offsets[group], masks[group],
                   geometry))
    return _contract(parts[0] if groups == 1 else torch.cat(parts, 2), weight)


def _image_rows(x: Tensor) -> Tensor:
    """The channels of each pixel, and a row of zeros for what is outside."""
    return F.pad(x.permute(0, 2, 3, 1).flatten(0, 2), (0, 0, 0, 1))


def _cells(columns: Tensor, weight: Tensor, kernel_offset: Tensor | None,
           mask: Tensor | None, geometry: Geometry) -> Tensor:
    """Share the taps of ``(p, k, c)`` columns out to the weight's cells."""
    if mask is not None:
        columns = columns * mask
    if kernel_offset is None:
        return columns
    matrix = scope_matrix(kernel_offset, weight.shape[-1], geometry)
    return torch.bmm(matrix.transpose(1, 2), columns)


def _contract(columns: Tensor, weight: Tensor) -> Tensor:
    """Sum ``(p, cell, c)`` columns over cells and each group's channels."""
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


def _bands(x: Tensor, geometry: Geometry) -> Iterator[slice]:
    """Bands of the output pixels."""
    n, h_out, w_out = geometry.out_shape
    # Four corners of each tap are held together for the gradients.
    size = 4 * geometry.taps * x.shape[1] * x.element_size()
    limit = BAND_BYTES.get(x.device.type, BAND_BYTES['cuda'])
    step = max(1, limit // size)
    for first in range(0, n * h_out * w_out, step):
        yield slice(first, min(first + step, n * h_out * w_out))


def _numbers(band: slice, like: Tensor) -> Tensor:
    """Numbers of a band's pixels."""
    return torch.arange(band.start, band.stop, device=like.device)


def _take(tensors: tuple[Tensor | None, ...],
          band: slice) -> list[Tensor | None]:
    """A band of per-pixel inputs, ready to collect gradients."""
    return [
        None if t is None else t[band].detach().requires_grad_()
        for t in tensors
    ]


class _Banded(torch.autograd.Function):
    """``_plain`` band by band, forwards and backwards."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, image_offset: Tensor | None,
                kernel_offset: Tensor | None, mask: Tensor | None,
                geometry: Geometry) -> Tensor:
        ctx.geometry = geometry
        ctx.save_for_backward(x, weight, image_offset, kernel_offset, mask)
        n, h_out, w_out = geometry.out_shape
        out = x.new_empty(n * h_out * w_out, weight.shape[0])
        rows = _image_rows(x)
        for band in _bands(x, geometry):
            offset, *others = _take((image_offset, kernel_offset, mask), band)
            index, corner = image_corners(
                _numbers(band, x), offset, x, geometry)
            columns = _cells(
                _gather(rows, index, corner), weight, *others, geometry)
            out[band] = _contract(columns, weight)
        return out

    @staticmethod
    def backward(ctx, grad_out: Tensor) -> tuple:
        x, weight, *pixel_inputs = ctx.saved_tensors
        if torch.is_grad_enabled() or needs_plain() or \
                in_legacy_vmap(grad_out):
            return *_plain_gradients(grad_out, ctx.saved_tensors,
                                     ctx.geometry), None
        rows = _image_rows(x)
        grad_rows = torch.zeros_like(rows)
        grads = [
            None if t is None else torch.empty_like(t) for t in pixel_inputs
        ]
        grad_weight = torch.zeros_like(weight)
        for band in _bands(x, ctx.geometry):
            weight_part, *parts = _band_backward(rows, grad_rows, x, weight,
                                                 _take(pixel_inputs, band),
                                                 _numbers(band, x),
                                                 grad_out[band], ctx.geometry)
            grad_weight += weight_part
            for grad, part in zip(grads, parts):
                if grad is not None:
                    grad[band] = part
        n, channels, h, w = x.shape
        grad_x = grad_rows[:-1].reshape(n, h, w, channels).permute(0, 3, 1, 2)
        return grad_x.contiguous(), grad_weight, *grads, None


def _plain_gradients(grad_out: Tensor, tensors: Sequence[Tensor | None],
                     geometry: Geometry) -> list[Tensor | None]:
    """Gradients of ``_plain`` that can be differentiated again."""

    def run(*present: Tensor) -> Tensor:
        given = iter(present)
        return _plain(*(None if t is None else next(given) for t in tensors),
                      geometry)

    _, pull = torch.func.vjp(run, *(t for t in tensors if t is not None))
    grads = iter(pull(grad_out))
    return [None if t is None else next(grads) for t in tensors]


def _gather(rows: Tensor, index: Tensor, corner: Tensor) -> Tensor:
    """Columns ``(p, k, c)``: weighted sums of four rows each."""
    columns = F.embedding_bag(
        index.flatten(0, 1),
        rows,
        per_sample_weights=corner.detach().flatten(0, 1),
        mode='sum')
    return columns.unflatten(0, index.shape[:2])


def _band_backward(rows: Tensor, grad_rows: Tensor, x: Tensor, weight: Tensor,
                   leaves: list[Tensor | None], pixels: Tensor,
                   grad_out: Tensor,
                   geometry: Geometry) -> list[Tensor | None]:
    """Gradients of one band.

    Adds to ``grad_rows``; returns those of the weights and of the band's
    image offsets, kernel offsets and mask.
    """
    offset, *others = leaves
    with torch.enable_grad():
        index, corner = image_corners(pixels, offset, x, geometry)
        columns = _gather(rows, index, corner).requires_grad_()
        weight = weight.detach().requires_grad_()
        out = _contract(_cells(columns, weight, *others, geometry), weight)
    present = [columns, weight, *(t for t in others if t is not None)]
    grad_columns, *grads = torch.autograd.grad(out, present, grad_out)
    flat = index.reshape(-1, 1).expand(-1, rows.shape[1])
    grad_rows.scatter_add_(0, flat, (corner.detach()[..., None] *
                                     grad_columns[:, :, None]).flatten(0, 2))
    grads = iter(grads)
    grad_weight, grad_offset = next(grads), None
    if offset is not None:
        grad_corner = (rows[index] * grad_columns[:, :, None]).sum(-1)
        grad_offset, = torch.autograd.grad(corner, offset, grad_corner)
    rest = [None if t is None else next(grads) for t in others]
    return [grad_weight, grad_offset, *rest]
