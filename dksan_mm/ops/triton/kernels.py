# Copyright (c) DKSAN-MM contributors.
"""Fused GPU kernels of the depthwise form. Imports triton.

Each program processes a block of output pixels of one image and a block of
channels. Offsets are read once per pixel and tap. Image samples are gathered
in channels-last order, (n, h, w, c), and the weights of a tap are interpolated
in registers from the table ``(scope * scope, c)``, which stays in the L1
cache. Neither columns nor sampled kernels are written to memory. Arithmetic is
in float32; tensor indices have 32 bits, or 64 if WIDE.

Absent tensors are None. ``LAST`` means that a tensor is stored channels last.
Without kernel offsets, the table has one row per tap.
"""

import triton
import triton.language as tl

from .sampling import (add_sample, block, cells, image_tap, mix, plane, sample,
                       sample_slopes, scope_matrix, scope_tap, slopes,
                       store_pair, table_row, tile)


@triton.jit
def forward_kernel(x, table, image_offset, kernel_offset, mask, out, height,
                   width, channels, pixels, out_width, stride_y, stride_x,
                   padding_y, padding_x, dilation_y, dilation_x,
                   TAPS: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
                   SCOPE: tl.constexpr, LAST: tl.constexpr,
                   TAPS_LAST: tl.constexpr, BLOCK_P: tl.constexpr,
                   BLOCK_C: tl.constexpr, WIDE: tl.constexpr):
    """Compute the output of one block of pixels and channels."""
    image, pixel, live, row, col = tile(
        tl.program_id(0), pixels, out_width, stride_y, stride_x, padding_y,
        padding_x, BLOCK_P, WIDE)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    total = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
    for k in tl.range(TAPS):
        top, left, fy, fx = image_tap(image_offset, k, 0, row, col, dilation_y,
                                      dilation_x, height, width, image, pixel,
                                      live, pixels, TAPS, COLS, TAPS_LAST,
                                      False)
        value = sample(x, mask, top, left, fy, fx, k, image, pixel, live,
                       pixels, height, width, c, channels, channels, TAPS,
                       TAPS_LAST)
        if kernel_offset is not None:
            y, z, gy, gx, _, _ = scope_tap(kernel_offset, k, image, pixel,
                                           live, pixels, TAPS, ROWS, COLS,
                                           SCOPE, TAPS_LAST)
            w00, w01, w10, w11 = cells(table, y * SCOPE + z, c, channels,
                                       SCOPE)
            weight = mix(gy, gx, w00, w01, w10, w11)
        else:
            weight = table_row(table, k, c, channels)
        total += value * weight
    at = block(image, pixel, pixels, c, channels, LAST)
    tl.store(
        out + at,
        total.to(out.dtype.element_ty),
        mask=live[:, None] & (c < channels)[None, :])


@triton.jit
def backward_kernel(grad_out, x, table, image_offset, kernel_offset, mask,
                    grad_x, grad_table, grad_image, grad_kernel, grad_mask,
                    height, width, channels, pixels, out_width, stride_y,
                    stride_x, padding_y, padding_x, dilation_y, dilation_x,
                    images, TAPS: tl.constexpr, ROWS: tl.constexpr,
                    COLS: tl.constexpr, SCOPE: tl.constexpr,
                    CELLS: tl.constexpr, TABLE: tl.constexpr,
                    LAST: tl.constexpr, TAPS_LAST: tl.constexpr,
                    BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
                    WIDE: tl.constexpr, PRECISION: tl.constexpr):
    """Compute the gradients of several blocks of pixels in sequence.

    Gradients of ``x`` are added atomically. The caller sums the others: those
    of the table per program, those of offsets and mask per channel block.
    """
    first, part = tl.program_id(0), tl.program_id(1)
    c = part * BLOCK_C + tl.arange(0, BLOCK_C)
    tiles = tl.cdiv(pixels, BLOCK_P) * images
    shares = tl.zeros((CELLS, BLOCK_C), tl.float32)
    for step in range(tl.cdiv(tiles - first, tl.num_programs(0))):
        image, pixel, live, row, col = tile(first + step * tl.num_programs(0),
                                            pixels, out_width, stride_y,
                                            stride_x, padding_y, padding_x,
                                            BLOCK_P, WIDE)
        # Partial gradients per pixel are stored by part, then by image.
        slot = image + part * images
        grad = tl.load(
            grad_out + block(image, pixel, pixels, c, channels, LAST),
            mask=live[:, None] & (c < channels)[None, :],
            other=0.).to(tl.float32)
        for k in tl.range(TAPS):
            top, left, fy, fx = image_tap(image_offset, k, 0, row, col,
                                          dilation_y, dilation_x, height,
                                          width, image, pixel, live, pixels,
                                          TAPS, COLS, TAPS_LAST, False)
            value, slope_y, slope_x = sample_slopes(x, image, top, left, fy,
                                                    fx, live, height, width, c,
                                                    channels, channels)
            if kernel_offset is not None:
                y, z, gy, gx, free_y, free_x = scope_tap(
                    kernel_offset, k, image, pixel, live, pixels, TAPS, ROWS,
                    COLS, SCOPE, TAPS_LAST)
                w00, w01, w10, w11 = cells(table, y * SCOPE + z, c, channels,
                                           SCOPE)
                weight = mix(gy, gx, w00, w01, w10, w11)
            else:
                y, z, gy, gx = top, left, fy, fx  # unused
                weight = table_row(table, k, c, channels)
            factor = tl.full((BLOCK_P, ), 1., tl.float32)
            if mask is not None:
                at = mask + plane(image, k, pixel, pixels, TAPS, TAPS_LAST)
                factor = tl.load(at, mask=live, other=0.).to(tl.float32)
            by_value, by_weight = grad * weight, grad * value
            if grad_mask is not None:
                at = plane(slot, k, pixel, pixels, TAPS, TAPS_LAST)
                tl.store(
                    grad_mask + at, tl.sum(by_value * value, 1), mask=live)
            if grad_image is not None:
                store_pair(grad_image, factor * tl.sum(by_value * slope_y, 1),
                           factor * tl.sum(by_value * slope_x, 1), k, slot,
                           pixel, live, pixels, TAPS, TAPS_LAST)
            if grad_kernel is not None:
                slope_y, slope_x = slopes(gy, gx, w00, w01, w10, w11)
                store_pair(grad_kernel,
                           factor * free_y * tl.sum(by_weight * slope_y, 1),
                           factor * free_x * tl.sum(by_weight * slope_x, 1), k,
                           slot, pixel, live, pixels, TAPS, TAPS_LAST)
            if grad_x is not None:
                add_sample(grad_x, by_value * factor[:, None], image, top,
                           left, fy, fx, live, height, width, c, channels,
                           channels)
            if grad_table is not None:
                matrix = scope_matrix(y, z, gy, gx, k, kernel_offset
                                      is not None, SCOPE, CELLS)
                # A single TF32 product has an error of 5e-4.
                shares = tl.dot(
                    tl.trans(matrix),
                    by_weight * factor[:, None],
                    shares,
                    input_precision=PRECISION)
    if grad_table is not None:
        cell = tl.arange(0, CELLS)
        at = (first.to(tl.int64) * TABLE + cell)[:, None] * channels
        tl.store(
            grad_table + at + c[None, :],
            shares,
            mask=(cell < TABLE)[:, None] & (c < channels)[None, :])
