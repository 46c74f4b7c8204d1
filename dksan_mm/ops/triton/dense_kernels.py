# Copyright (c) DKSAN-MM contributors.
"""GPU kernels of the dense form on tensor cores. Imports triton.

Channel groups and offset groups are supported: without kernel offsets, this is
the modulated deformable convolution. Channels are processed in chunks, each
within one channel group and one offset group.

With kernel offsets, the samples of a chunk are mixed in registers to columns
of the scope's cells, (pixels, cells, channels), and multiplied with weights,
(group, cell, channel, output); without, each tap's samples are multiplied.
Only the output is written to memory. PRECISION is that of the products.
"""

import triton
import triton.language as tl

from .dense_parts import cell_weights, chunk, columns, pulled, weights_at
from .sampling import (add_sample, block, image_tap, plane, sample,
                       sample_slopes, scope_matrix, scope_slopes, scope_tap,
                       store_pair, tile)


@triton.jit
def dense_forward_kernel(
        x, weight, image_offset, kernel_offset, mask, out, height, width,
        channels, pixels, out_width, stride_y, stride_x, padding_y, padding_x,
        dilation_y, dilation_x, out_channels, PIECE: tl.constexpr,
        GROUP_IN: tl.constexpr, SET_IN: tl.constexpr, GROUP_OUT: tl.constexpr,
        TAPS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
        SCOPE: tl.constexpr, SETS: tl.constexpr, FLAT: tl.constexpr,
        TABLE: tl.constexpr, CELLS: tl.constexpr, LAST: tl.constexpr,
        TAPS_LAST: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
        BLOCK_O: tl.constexpr, WIDE: tl.constexpr, PRECISION: tl.constexpr):
    """Compute the output of a block of pixels and channels of a group."""
    image, pixel, live, row, col = tile(
        tl.program_id(0), pixels, out_width, stride_y, stride_x, padding_y,
        padding_x, BLOCK_P, WIDE)
    blocks = tl.cdiv(GROUP_OUT, BLOCK_O)
    group = tl.program_id(1) // blocks
    o = tl.program_id(1) % blocks * BLOCK_O + tl.arange(0, BLOCK_O)
    live_o = o < GROUP_OUT
    chunks = tl.cdiv(PIECE, BLOCK_C) * (GROUP_IN // PIECE)
    # One product per cell, all at once; their sum follows at the end.
    totals = tl.zeros((CELLS, BLOCK_P, BLOCK_O), tl.float32)
    for step in range(chunks):
        c, end, _, offset_set, _ = chunk(group * chunks + step, PIECE,
                                         GROUP_IN, SET_IN, BLOCK_C)
        if kernel_offset is not None:
            mixed = columns(x, image_offset, kernel_offset, mask, image, pixel,
                            live, row, col, height, width, channels, c, end,
                            pixels, dilation_y, dilation_x, TAPS, ROWS, COLS,
                            SCOPE, CELLS, FLAT, TAPS_LAST, BLOCK_P, BLOCK_C)
            at, inside = cell_weights(group, c, o, end, live_o, GROUP_IN,
                                      GROUP_OUT, TABLE, CELLS)
            totals = tl.dot(
                mixed,
                tl.load(weight + at, mask=inside, other=0.),
                totals,
                input_precision=PRECISION)
        else:
            for k in tl.range(TAPS):
                first = offset_set * TAPS
                top, left, fy, fx = image_tap(image_offset, k, first, row, col,
                                              dilation_y, dilation_x, height,
                                              width, image, pixel, live,
                                              pixels, SETS * TAPS, COLS,
                                              TAPS_LAST, FLAT)
                value = sample(x, mask, top, left, fy, fx, first + k, image,
                               pixel, live, pixels, height, width, c, channels,
                               end, SETS * TAPS, TAPS_LAST)
                at, inside = weights_at(group, k, c, o, end, live_o, GROUP_IN,
                                        GROUP_OUT, TABLE, 1, BLOCK_C)
                total = tl.dot(
                    value,
                    tl.load(weight + at, mask=inside, other=0.),
                    tl.reshape(totals, (BLOCK_P, BLOCK_O)),
                    input_precision=PRECISION)
                totals = tl.reshape(total, (1, BLOCK_P, BLOCK_O))
    total = tl.sum(totals, 0)
    at = block(image, pixel, pixels, group * GROUP_OUT + o, out_channels, LAST)
    tl.store(
        out + at,
        total.to(out.dtype.element_ty),
        mask=live[:, None] & live_o[None, :])


@triton.jit
def dense_weight_kernel(
        grad_out, x, image_offset, kernel_offset, mask, grad_weight, height,
        width, channels, pixels, out_width, stride_y, stride_x, padding_y,
        padding_x, dilation_y, dilation_x, out_channels, images,
        PIECE: tl.constexpr, GROUP_IN: tl.constexpr, SET_IN: tl.constexpr,
        GROUP_OUT: tl.constexpr, TAPS: tl.constexpr, ROWS: tl.constexpr,
        COLS: tl.constexpr, SCOPE: tl.constexpr, SETS: tl.constexpr,
        FLAT: tl.constexpr, TABLE: tl.constexpr, CELLS: tl.constexpr,
        LAST: tl.constexpr, TAPS_LAST: tl.constexpr, BLOCK_P: tl.constexpr,
        BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr, WIDE: tl.constexpr,
        PRECISION: tl.constexpr):
    """Compute partial weight gradients of blocks of pixels and one chunk.

    Without kernel offsets, each program handles one tap.
    """
    share = tl.program_id(0)
    c, end, group, offset_set, _ = chunk(
        tl.program_id(1), PIECE, GROUP_IN, SET_IN, BLOCK_C)
    blocks = tl.cdiv(GROUP_OUT, BLOCK_O)
    k = tl.program_id(2) // blocks
    o = tl.program_id(2) % blocks * BLOCK_O + tl.arange(0, BLOCK_O)
    live_o = o < GROUP_OUT
    tiles = tl.cdiv(pixels, BLOCK_P) * images
    total = tl.zeros((CELLS * BLOCK_C, BLOCK_O), tl.float32)
    for step in range(tl.cdiv(tiles - share, tl.num_programs(0))):
        image, pixel, live, row, col = tile(share + step * tl.num_programs(0),
                                            pixels, out_width, stride_y,
                                            stride_x, padding_y, padding_x,
                                            BLOCK_P, WIDE)
        if kernel_offset is not None:
            mixed = columns(x, image_offset, kernel_offset, mask, image, pixel,
                            live, row, col, height, width, channels, c, end,
                            pixels, dilation_y, dilation_x, TAPS, ROWS, COLS,
                            SCOPE, CELLS, FLAT, TAPS_LAST, BLOCK_P, BLOCK_C)
            value = tl.reshape(
                tl.trans(mixed, (1, 0, 2)), (BLOCK_P, CELLS * BLOCK_C))
        else:
            first = offset_set * TAPS
            top, left, fy, fx = image_tap(image_offset, k, first, row, col,
                                          dilation_y, dilation_x, height,
                                          width, image, pixel, live, pixels,
                                          SETS * TAPS, COLS, TAPS_LAST, FLAT)
            value = sample(x, mask, top, left, fy, fx, first + k, image, pixel,
                           live, pixels, height, width, c, channels, end,
                           SETS * TAPS, TAPS_LAST)
        at = block(image, pixel, pixels, group * GROUP_OUT + o, out_channels,
                   LAST)
        grad = tl.load(
            grad_out + at, mask=live[:, None] & live_o[None, :], other=0.)
        total = tl.dot(
            tl.trans(value),
            grad.to(tl.float32),
            total,
            input_precision=PRECISION)
    size = channels // GROUP_IN * TABLE * GROUP_IN * GROUP_OUT
    at, inside = weights_at(group, k, c, o, end, live_o, GROUP_IN, GROUP_OUT,
                            TABLE, CELLS, BLOCK_C)
    tl.store(grad_weight + share.to(tl.int64) * size + at, total, mask=inside)


@triton.jit
def dense_backward_kernel(
        grad_out, x, weight, image_offset, kernel_offset, mask, grad_x,
        grad_image, grad_kernel, grad_mask, height, width, channels, pixels,
        out_width, stride_y, stride_x, padding_y, padding_x, dilation_y,
        dilation_x, out_channels, images, PIECE: tl.constexpr,
        GROUP_IN: tl.constexpr, SET_IN: tl.constexpr, GROUP_OUT: tl.constexpr,
        TAPS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
        SCOPE: tl.constexpr, SETS: tl.constexpr, FLAT: tl.constexpr,
        TABLE: tl.constexpr, CELLS: tl.constexpr, LAST: tl.constexpr,
        TAPS_LAST: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
        BLOCK_O: tl.constexpr, WIDE: tl.constexpr, PRECISION: tl.constexpr):
    """Compute all but weight gradients of one block of pixels and chunk.

    Gradients of ``x`` are added atomically; those of offsets and mask are
    partial gradients of the chunk, which the caller sums.
    """
    image, pixel, live, row, col = tile(
        tl.program_id(0), pixels, out_width, stride_y, stride_x, padding_y,
        padding_x, BLOCK_P, WIDE)
    c, end, group, offset_set, part = chunk(
        tl.program_id(1), PIECE, GROUP_IN, SET_IN, BLOCK_C)
    slot = image + part * images
    if kernel_offset is not None:
        grad_cells = tl.reshape(
            pulled(grad_out, weight, image, pixel, live, pixels, group, 0, c,
                   end, GROUP_IN, GROUP_OUT, out_channels, TABLE, CELLS, LAST,
                   BLOCK_P, BLOCK_C, BLOCK_O, PRECISION),
            (BLOCK_P, CELLS, BLOCK_C))
    for k in tl.range(TAPS):
        tap = offset_set * TAPS + k
        top, left, fy, fx = image_tap(image_offset, k, offset_set * TAPS, row,
                                      col, dilation_y, dilation_x, height,
                                      width, image, pixel, live, pixels,
                                      SETS * TAPS, COLS, TAPS_LAST, FLAT)
        value, slope_y, slope_x = sample_slopes(x, image, top, left, fy, fx,
                                                live, height, width, c,
                                                channels, end)
        factor = tl.full((BLOCK_P, ), 1., tl.float32)
        if mask is not None:
            at = mask + plane(image, tap, pixel, pixels, SETS * TAPS,
                              TAPS_LAST)
            factor = tl.load(at, mask=live, other=0.).to(tl.float32)
        if kernel_offset is not None:
            y, z, gy, gx, free_y, free_x = scope_tap(kernel_offset, k, image,
                                                     pixel, live, pixels, TAPS,
                                                     ROWS, COLS, SCOPE,
                                                     TAPS_LAST)
            matrix = scope_matrix(y, z, gy, gx, k, True, SCOPE, CELLS)
            by_value = tl.sum(matrix[:, :, None] * grad_cells, 1)
            if grad_kernel is not None:
                by_cell = tl.sum(grad_cells * value[:, None, :], 2)
                matrix_y, matrix_x = scope_slopes(y, z, gy, gx, SCOPE, CELLS)
                store_pair(grad_kernel,
                           factor * free_y * tl.sum(matrix_y * by_cell, 1),
                           factor * free_x * tl.sum(matrix_x * by_cell, 1), k,
                           slot, pixel, live, pixels, TAPS, TAPS_LAST)
        else:
            by_value = pulled(grad_out, weight, image, pixel, live, pixels,
                              group, k, c, end, GROUP_IN, GROUP_OUT,
                              out_channels, TABLE, 1, LAST, BLOCK_P, BLOCK_C,
                              BLOCK_O, PRECISION)
        if grad_mask is not None:
            at = plane(slot, tap, pixel, pixels, SETS * TAPS, TAPS_LAST)
            tl.store(grad_mask + at, tl.sum(by_value * value, 1), mask=live)
        if grad_image is not None:
            store_pair(grad_image, factor * tl.sum(by_value * slope_y, 1),
                       factor * tl.sum(by_value * slope_x, 1), tap, slot,
                       pixel, live, pixels, SETS * TAPS, TAPS_LAST)
        if grad_x is not None:
            add_sample(grad_x, by_value * factor[:, None], image, top, left,
                       fy, fx, live, height, width, c, channels, end)
