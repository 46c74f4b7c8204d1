# Copyright (c) DKSAN-MM contributors.
"""Dense operator on a GPU: deformable convolutions on tensor cores.

Checked in the interpreter and compiled for several GPUs (docs/gpu.md), but
**not yet run on one**.

Each product of float32 images consists of three TF32 products, accurate to
float32 but for the last digit. For half precision, it is one TF32 product,
whose rounding error is below the output's. The gradient of ``x`` is added
atomically, as in the depthwise form; all others are summed in a fixed order.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..checks import Geometry, Inputs
from .gradients import add_up, allocate, connect
from .launch import (Launch, by_pixel, channels_last, formatted, is_last,
                     is_wide, power_of_2)


class Block(NamedTuple):
    """Number of pixels, channels, outputs and warps of a block."""
    pixels: int
    channels: int
    outputs: int
    warps: int


# Largest blocks that fit into registers and shared memory; True: with kernel
# offsets.
FORWARD = {True: Block(16, 16, 64, 16), False: Block(64, 16, 128, 16)}
BACKWARD = {True: Block(16, 16, 16, 8), False: Block(64, 16, 16, 8)}
WEIGHT = {True: Block(32, 16, 64, 16), False: Block(32, 16, 128, 8)}
# Number of programs among which blocks are divided for weight gradients.
SHARES = 64


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Apply the convolution with several channels per filter.

    Args:
        x (Tensor[n, c, h, w]): Input, float32, bfloat16 or float16.
        weight (Tensor[c_out, c / groups, s, s]): Scope; without kernel
            offsets, the kernel at rest with one row and column for each row
            and column of taps.
        image_offset (Tensor[n, 2GK, h_out, w_out], optional): Image offsets
            of G offset groups.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Kernel offsets;
            then G = 1.
        mask (Tensor[n, GK, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): Checked settings.

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output with the dtype and memory format
        of ``x``.
    """
    settings = geometry.settings(weight.shape[-1])
    out: Tensor = forward(x, weight.flatten(2), image_offset, kernel_offset,
                          mask, settings)
    return out


@torch.library.custom_op('dksan_mm::triton_dense_forward', mutates_args=())
def forward(x: Tensor, weight: Tensor, image_offset: Tensor | None,
            kernel_offset: Tensor | None, mask: Tensor | None,
            settings: list[int]) -> Tensor:
    """Compute the output; ``weight`` is ``(c_out, c / groups, cells)``."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    out: Tensor = _output(*tensors, settings)
    if out.numel():
        forward_launch(tensors, out, settings).run()
    return out


def forward_launch(tensors: Inputs, out: Tensor,
                   settings: list[int]) -> Launch:
    """Return the kernel launch that computes ``out``."""
    offsets, taps_last = by_pixel(*tensors[2:])
    x, weight = tensors[:2]
    block = FORWARD[offsets[1] is not None]
    constants = dict(
        _constants(tensors, settings, block),
        TAPS_LAST=taps_last,
        WIDE=is_wide(x, out, *offsets))
    groups, blocks = settings[12], _blocks(constants)
    return Launch('dense_kernels', 'dense_forward_kernel',
                  (_tiles(x, settings, block.pixels), groups * blocks),
                  (channels_last(x), _table(weight, groups), *offsets, out,
                   *_sizes(x, weight, settings)), constants, block.warps)


@torch.library.custom_op('dksan_mm::triton_dense_backward', mutates_args=())
def backward(grad_out: Tensor, x: Tensor, weight: Tensor,
             image_offset: Tensor | None, kernel_offset: Tensor | None,
             mask: Tensor | None, settings: list[int],
             wanted: list[bool]) -> list[Tensor]:
    """Compute the wanted gradients."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    shares = sums(tensors, wanted, settings)
    if grad_out.numel():
        if shares[1] is not None:
            weight_launch(grad_out, tensors, shares[1], settings).run()
        if wanted[0] or any(wanted[2:]):
            backward_launch(grad_out, tensors, shares, settings).run()
    return add_up(tensors, shares,
                  lambda grad: grad.permute(0, 3, 2, 1).reshape(weight.shape))


def weight_launch(grad_out: Tensor, tensors: Inputs, shares: Tensor,
                  settings: list[int]) -> Launch:
    """Return the kernel launch that fills the partial weight gradients."""
    x, weight = tensors[:2]
    offsets, taps_last = by_pixel(*tensors[2:])
    block = WEIGHT[offsets[1] is not None]
    constants = dict(
        _constants(tensors, settings, block),
        TAPS_LAST=taps_last,
        WIDE=is_wide(x, grad_out, *offsets))
    taps = 1 if offsets[1] is not None else constants['TAPS']
    return Launch(
        'dense_kernels', 'dense_weight_kernel',
        (len(shares), _chunks(x, constants), taps * _blocks(constants)),
        (formatted(grad_out, is_last(x)), channels_last(x), *offsets, shares,
         *_sizes(x, weight, settings), len(x)), constants, block.warps)


def backward_launch(grad_out: Tensor, tensors: Inputs,
                    shares: Sequence[Tensor | None],
                    settings: list[int]) -> Launch:
    """Return the kernel launch that fills all other partial gradients."""
    x, weight = tensors[:2]
    offsets, taps_last = by_pixel(*tensors[2:])
    by_x, _, *by_offset = shares
    block = BACKWARD[offsets[1] is not None]
    constants = dict(
        _constants(tensors, settings, block),
        TAPS_LAST=taps_last,
        WIDE=is_wide(x, grad_out, *offsets, by_x, *by_offset))
    return Launch('dense_kernels', 'dense_backward_kernel',
                  (_tiles(x, settings, block.pixels), _chunks(x, constants)),
                  (formatted(grad_out, is_last(x)), channels_last(x),
                   _table(weight, settings[12]), *offsets, by_x, *by_offset,
                   *_sizes(x, weight, settings), len(x)), constants,
                  block.warps)


def sums(tensors: Inputs, wanted: list[bool],
         settings: list[int]) -> list[Tensor | None]:
    """Allocate the partial gradients; None if unwanted."""
    x, weight, _, kernel_offset, _ = tensors
    mixed = kernel_offset is not None
    constants = _constants(tensors, settings, BACKWARD[mixed])
    parts = _chunks(x, constants) // settings[13]
    tiles = _tiles(x, settings, WEIGHT[mixed].pixels)
    table = _table_shape(weight, settings[12])
    return allocate(tensors, wanted, (min(SHARES, tiles), *table), parts)


def _table_shape(weight: Tensor, groups: int) -> tuple[int, ...]:
    c_out, width, cells = weight.shape
    return groups, cells, width, c_out // groups


def _table(weight: Tensor, groups: int) -> Tensor:
    """Permute to ``(groups, cells, c / groups, c_out / groups)``, float32."""
    table: Tensor = weight.float().unflatten(0,
                                             (groups, -1)).permute(0, 3, 2, 1)
    return table.contiguous()


def _constants(tensors: Inputs, settings: list[int],
               block: Block) -> dict[str, Any]:
    """Return the kernels' compile-time constants."""
    x, weight, _, kernel_offset, _ = tensors
    rows, cols = settings[:2]
    groups, sets = settings[12:]
    group_in, set_in = weight.shape[1], x.shape[1] // sets
    group_out, table = weight.shape[0] // groups, weight.shape[2]
    return dict(
        PIECE=math.gcd(group_in, set_in),
        GROUP_IN=group_in,
        SET_IN=set_in,
        GROUP_OUT=group_out,
        TAPS=rows * cols,
        ROWS=rows,
        COLS=cols,
        SCOPE=settings[10],
        SETS=sets,
        FLAT=bool(settings[11]),
        TABLE=table,
        CELLS=1 if kernel_offset is None else power_of_2(table),
        LAST=is_last(x),
        PRECISION='tf32x3' if x.dtype == torch.float32 else 'tf32',
        BLOCK_P=block.pixels,
        BLOCK_C=block.channels,
        BLOCK_O=max(16, min(block.outputs, power_of_2(group_out))))


def _tiles(x: Tensor, settings: list[int], pixels: int) -> int:
    """Return the number of blocks of pixels; none spans two images."""
    return len(x) * -(-settings[8] * settings[9] // pixels)


def _blocks(constants: dict[str, Any]) -> int:
    """Return the number of blocks of a group's outputs."""
    outputs: int = constants['GROUP_OUT']
    return -(-outputs // int(constants['BLOCK_O']))


def _chunks(x: Tensor, constants: dict[str, Any]) -> int:
    """Return the number of chunks of channels."""
    piece: int = constants['PIECE']
    return x.shape[1] // piece * -(-piece // int(constants['BLOCK_C']))


def _sizes(x: Tensor, weight: Tensor, settings: list[int]) -> list[int]:
    """Return sizes and strides, the kernels' run-time arguments."""
    channels, height, width = x.shape[1:]
    return [
        height, width, channels, settings[8] * settings[9], settings[9],
        *settings[2:8], weight.shape[0]
    ]


@forward.register_fake
def _output(x: Tensor, weight: Tensor, image_offset: Tensor | None,
            kernel_offset: Tensor | None, mask: Tensor | None,
            settings: list[int]) -> Tensor:
    out = x.new_empty((len(x), weight.shape[0], *settings[8:10]))
    return formatted(out, is_last(x))


connect(forward, backward, lambda x, settings: settings)
