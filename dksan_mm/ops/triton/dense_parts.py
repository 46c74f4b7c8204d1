# Copyright (c) DKSAN-MM contributors.
"""Parts of the dense form's GPU kernels: chunks, columns, weight indices.

Imports triton.
"""

import triton
import triton.language as tl

from .sampling import block, image_tap, sample, scope_matrix, scope_tap


@triton.jit
def chunk(number, PIECE: tl.constexpr, GROUP_IN: tl.constexpr,
          SET_IN: tl.constexpr, BLOCK_C: tl.constexpr):
    """Return channels, their end, group, offset group and part of a chunk.

    A piece is the range of channels between adjacent group borders. ``part``
    counts the chunks of an offset group.
    """
    CHUNKS: tl.constexpr = (PIECE + BLOCK_C - 1) // BLOCK_C
    first = number // CHUNKS * PIECE
    c = first + number % CHUNKS * BLOCK_C + tl.arange(0, BLOCK_C)
    part = number % (SET_IN // PIECE * CHUNKS)
    return c, first + PIECE, first // GROUP_IN, first // SET_IN, part


@triton.jit
def columns(x, image_offset, kernel_offset, mask, image, pixel, live, row, col,
            height, width, channels, c, end, pixels, dilation_y, dilation_x,
            TAPS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
            SCOPE: tl.constexpr, CELLS: tl.constexpr, FLAT: tl.constexpr,
            TAPS_LAST: tl.constexpr, BLOCK_P: tl.constexpr,
            BLOCK_C: tl.constexpr):
    """Mix samples to columns of cells, (cells, pixels, channels)."""
    mixed = tl.zeros((CELLS, BLOCK_P, BLOCK_C), tl.float32)
    for k in tl.range(TAPS):
        top, left, fy, fx = image_tap(image_offset, k, 0, row, col, dilation_y,
                                      dilation_x, height, width, image, pixel,
                                      live, pixels, TAPS, COLS, TAPS_LAST,
                                      FLAT)
        value = sample(x, mask, top, left, fy, fx, k, image, pixel, live,
                       pixels, height, width, c, channels, end, TAPS,
                       TAPS_LAST)
        y, z, gy, gx, _, _ = scope_tap(kernel_offset, k, image, pixel, live,
                                       pixels, TAPS, ROWS, COLS, SCOPE,
                                       TAPS_LAST)
        matrix = scope_matrix(y, z, gy, gx, k, True, SCOPE, CELLS)
        mixed += tl.trans(matrix)[:, :, None] * value[None, :, :]
    return mixed


@triton.jit
def weights_at(group, first_cell, c, o, end, live_o, GROUP_IN: tl.constexpr,
               GROUP_OUT: tl.constexpr, TABLE: tl.constexpr,
               CELLS: tl.constexpr, BLOCK_C: tl.constexpr):
    """Return weight indices of CELLS cells, (cells * channels, outputs)."""
    row = tl.arange(0, CELLS * BLOCK_C)
    cell = first_cell + row // BLOCK_C
    channel = tl.reshape(
        tl.broadcast_to((c % GROUP_IN)[None, :], (CELLS, BLOCK_C)),
        (CELLS * BLOCK_C, ))
    exists = tl.reshape(
        tl.broadcast_to((c < end)[None, :], (CELLS, BLOCK_C)),
        (CELLS * BLOCK_C, ))
    at = ((group * TABLE + cell) * GROUP_IN + channel) * GROUP_OUT
    inside = exists & (cell < TABLE)
    return at[:, None] + o[None, :], inside[:, None] & live_o[None, :]


@triton.jit
def cell_weights(group, c, o, end, live_o, GROUP_IN: tl.constexpr,
                 GROUP_OUT: tl.constexpr, TABLE: tl.constexpr,
                 CELLS: tl.constexpr):
    """Return weight indices of all cells, (cells, channels, outputs)."""
    cell = tl.arange(0, CELLS)
    at = (group * TABLE + cell)[:, None] * GROUP_IN + (c % GROUP_IN)[None, :]
    inside = (cell < TABLE)[:, None] & (c < end)[None, :]
    return (at[:, :, None] * GROUP_OUT + o[None, None, :],
            inside[:, :, None] & live_o[None, None, :])


@triton.jit
def pulled(grad_out, weight, image, pixel, live, pixels, group, cell, c, end,
           GROUP_IN: tl.constexpr, GROUP_OUT: tl.constexpr, out_channels,
           TABLE: tl.constexpr, CELLS: tl.constexpr, LAST: tl.constexpr,
           BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr,
           PRECISION: tl.constexpr):
    """Compute gradients of columns of CELLS, (pixels, cells * channels)."""
    total = tl.zeros((BLOCK_P, CELLS * BLOCK_C), tl.float32)
    for step in range(tl.cdiv(GROUP_OUT, BLOCK_O)):
        o = step * BLOCK_O + tl.arange(0, BLOCK_O)
        live_o = o < GROUP_OUT
        at = block(image, pixel, pixels, group * GROUP_OUT + o, out_channels,
                   LAST)
        grad = tl.load(
            grad_out + at, mask=live[:, None] & live_o[None, :], other=0.)
        at, inside = weights_at(group, cell, c, o, end, live_o, GROUP_IN,
                                GROUP_OUT, TABLE, CELLS, BLOCK_C)
        total = tl.dot(
            grad.to(tl.float32),
            tl.trans(tl.load(weight + at, mask=inside, other=0.)),
            total,
            input_precision=PRECISION)
    return total
