# Copyright (c) DKSAN-MM contributors.
"""Sampling in the GPU kernels: positions and weights. Imports triton.

Pixels are vectors; samples are blocks of pixels by channels. ``LAST`` means
that a tensor is stored channels last, ``WIDE`` that indices may need 64 bits.
"""

import triton
import triton.language as tl


@triton.jit
def tile(number, pixels, out_width, stride_y, stride_x, padding_y, padding_x,
         BLOCK_P: tl.constexpr, WIDE: tl.constexpr):
    """Return image, pixels, their validity and the input row and column."""
    tiles = tl.cdiv(pixels, BLOCK_P)
    image = (number // tiles).to(tl.int64 if WIDE else tl.int32)
    pixel = number % tiles * BLOCK_P + tl.arange(0, BLOCK_P)
    row = pixel // out_width * stride_y - padding_y
    col = pixel % out_width * stride_x - padding_x
    return image, pixel, pixel < pixels, row, col


@triton.jit
def plane(image, channel, pixel, pixels, CHANNELS: tl.constexpr,
          LAST: tl.constexpr):
    """Return the indices of one channel of the pixels."""
    if LAST:
        index = (image * pixels + pixel) * CHANNELS + channel
    else:
        index = (image * CHANNELS + channel) * pixels + pixel
    return index


@triton.jit
def block(image, pixel, pixels, c, channels, LAST: tl.constexpr):
    """Return the indices of a block of pixels by channels."""
    if LAST:
        at = (image * pixels + pixel) * channels
        index = at[:, None] + c[None, :]
    else:
        at = (image * channels + c) * pixels
        index = at[None, :] + pixel[:, None]
    return index


@triton.jit
def moved(y, x, offset, k, image, pixel, live, pixels, TAPS: tl.constexpr,
          LAST: tl.constexpr):
    """Add the offsets of tap k to its coordinates, in float32."""
    if offset is not None:
        dy = plane(image, 2 * k, pixel, pixels, 2 * TAPS, LAST)
        dx = plane(image, 2 * k + 1, pixel, pixels, 2 * TAPS, LAST)
        y += tl.load(offset + dy, mask=live, other=0.).to(tl.float32)
        x += tl.load(offset + dx, mask=live, other=0.).to(tl.float32)
    return y, x


@triton.jit
def store_pair(grads, y, x, k, image, pixel, live, pixels, TAPS: tl.constexpr,
               LAST: tl.constexpr):
    """Store the gradients of tap k's offsets."""
    dy = plane(image, 2 * k, pixel, pixels, 2 * TAPS, LAST)
    dx = plane(image, 2 * k + 1, pixel, pixels, 2 * TAPS, LAST)
    tl.store(grads + dy, y, mask=live)
    tl.store(grads + dx, x, mask=live)


@triton.jit
def split_image(at, size, FLAT: tl.constexpr):
    """Return the left neighbour and the distance to it.

    Both neighbours are outside the image for NaN, which the distance keeps,
    and far outside, where a float may exceed an integer. With FLAT, they are
    outside also exactly one pixel before the first, so the gradient is 0.
    """
    if FLAT:
        near = tl.where(at > -1., at, -2.)
    else:
        near = tl.where(at >= -1., at, -2.)
    near = tl.where(near < size, near, size)
    low = tl.floor(near)
    return low.to(tl.int32), tl.where(at == at, near - low, at)


@triton.jit
def image_tap(offset, k, first, row, col, dilation_y, dilation_x, height,
              width, image, pixel, live, pixels, TAPS: tl.constexpr,
              COLS: tl.constexpr, LAST: tl.constexpr, FLAT: tl.constexpr):
    """Return the upper left neighbour (y, x) of tap k and the distances.

    ``first`` is the first tap of the offset group, TAPS the number of taps of
    all offset groups.
    """
    y = (row + k // COLS * dilation_y).to(tl.float32)
    x = (col + k % COLS * dilation_x).to(tl.float32)
    y, x = moved(y, x, offset, first + k, image, pixel, live, pixels, TAPS,
                 LAST)
    top, fy = split_image(y, height, FLAT)
    left, fx = split_image(x, width, FLAT)
    return top, left, fy, fx


@triton.jit
def split_scope(at, SCOPE: tl.constexpr):
    """Return the scope cell, the distance to it, and 1 if not clamped."""
    near = tl.where(at > 0., at, 0.)
    near = tl.where(near < SCOPE - 1, near, SCOPE - 1.)
    # The last cell is only a right neighbour.
    low = tl.minimum(tl.floor(near), max(SCOPE - 2., 0.))
    free = tl.where((at >= 0.) & (at <= SCOPE - 1), 1., 0.)
    return low.to(tl.int32), tl.where(at == at, near - low, at), free


@triton.jit
def scope_tap(offset, k, image, pixel, live, pixels, TAPS: tl.constexpr,
              ROWS: tl.constexpr, COLS: tl.constexpr, SCOPE: tl.constexpr,
              LAST: tl.constexpr):
    """Return the cell (y, x) of tap k, distances, and 1 if not clamped."""
    y, x = moved(k // COLS + (SCOPE - ROWS) / 2.,
                 k % COLS + (SCOPE - COLS) / 2., offset, k, image, pixel, live,
                 pixels, TAPS, LAST)
    y, gy, free_y = split_scope(y, SCOPE)
    x, gx, free_x = split_scope(x, SCOPE)
    return y, x, gy, gx, free_y, free_x


@triton.jit
def corner(image, y, x, live, height, width, c, channels, end):
    """Return indices and validity of one neighbour's channels."""
    inside = live & (y >= 0) & (y < height) & (x >= 0) & (x < width)
    at = ((image * height + y) * width + x) * channels
    return (at[:, None] + c[None, :], inside[:, None] & (c < end)[None, :])


@triton.jit
def load_corner(x, image, y, xx, live, height, width, c, channels, end):
    """Load one neighbour's channels, or zeros if it is outside."""
    at, inside = corner(image, y, xx, live, height, width, c, channels, end)
    return tl.load(x + at, mask=inside, other=0.).to(tl.float32)


@triton.jit
def four(fy, fx):
    """Compute bilinear weights of the four neighbours, (pixels, 1) each."""
    return (((1 - fy) * (1 - fx))[:, None], ((1 - fy) * fx)[:, None],
            (fy * (1 - fx))[:, None], (fy * fx)[:, None])


@triton.jit
def mix(fy, fx, s00, s01, s10, s11):
    """Interpolate the channels of four neighbours bilinearly."""
    a00, a01, a10, a11 = four(fy, fx)
    return a00 * s00 + a01 * s01 + a10 * s10 + a11 * s11


@triton.jit
def sample(x, mask, top, left, fy, fx, k, image, pixel, live, pixels, height,
           width, c, channels, end, TAPS: tl.constexpr,
           TAPS_LAST: tl.constexpr):
    """Compute a tap's samples times its mask, (pixels, channels)."""
    value = mix(
        fy, fx,
        load_corner(x, image, top, left, live, height, width, c, channels,
                    end),
        load_corner(x, image, top, left + 1, live, height, width, c, channels,
                    end),
        load_corner(x, image, top + 1, left, live, height, width, c, channels,
                    end),
        load_corner(x, image, top + 1, left + 1, live, height, width, c,
                    channels, end))
    if mask is not None:
        at = mask + plane(image, k, pixel, pixels, TAPS, TAPS_LAST)
        value *= tl.load(at, mask=live, other=0.).to(tl.float32)[:, None]
    return value


@triton.jit
def sample_slopes(x, image, top, left, fy, fx, live, height, width, c,
                  channels, end):
    """Compute a tap's samples and their derivatives (y, x)."""
    x00 = load_corner(x, image, top, left, live, height, width, c, channels,
                      end)
    x01 = load_corner(x, image, top, left + 1, live, height, width, c,
                      channels, end)
    x10 = load_corner(x, image, top + 1, left, live, height, width, c,
                      channels, end)
    x11 = load_corner(x, image, top + 1, left + 1, live, height, width, c,
                      channels, end)
    slope_y, slope_x = slopes(fy, fx, x00, x01, x10, x11)
    return mix(fy, fx, x00, x01, x10, x11), slope_y, slope_x


@triton.jit
def add_corner(grads, value, image, y, x, live, height, width, c, channels,
               end):
    """Add atomically to one neighbour's channels."""
    at, inside = corner(image, y, x, live, height, width, c, channels, end)
    tl.atomic_add(grads + at, value, mask=inside, sem='relaxed')


@triton.jit
def add_sample(grads, value, image, top, left, fy, fx, live, height, width, c,
               channels, end):
    """Add the gradient of a tap's samples to the four neighbours."""
    a00, a01, a10, a11 = four(fy, fx)
    add_corner(grads, a00 * value, image, top, left, live, height, width, c,
               channels, end)
    add_corner(grads, a01 * value, image, top, left + 1, live, height, width,
               c, channels, end)
    add_corner(grads, a10 * value, image, top + 1, left, live, height, width,
               c, channels, end)
    add_corner(grads, a11 * value, image, top + 1, left + 1, live, height,
               width, c, channels, end)


@triton.jit
def cells(table, cell, c, channels, SCOPE: tl.constexpr):
    """Load the channels of a scope cell and of its three neighbours."""
    # The cell of a scope of one is its own neighbour.
    RIGHT: tl.constexpr = 1 if SCOPE > 1 else 0
    there = (c < channels)[None, :]
    at = table + cell[:, None] * channels + c[None, :]
    right, down = at + RIGHT * channels, at + RIGHT * SCOPE * channels
    return (tl.load(at, mask=there, other=0.).to(tl.float32),
            tl.load(right, mask=there, other=0.).to(tl.float32),
            tl.load(down, mask=there, other=0.).to(tl.float32),
            tl.load(down + RIGHT * channels, mask=there,
                    other=0.).to(tl.float32))


@triton.jit
def table_row(table, k, c, channels):
    """Load the channels of tap k without kernel offsets."""
    at = table + k * channels + c
    return tl.load(at, mask=c < channels, other=0.).to(tl.float32)[None, :]


@triton.jit
def slopes(fy, fx, s00, s01, s10, s11):
    """Compute the derivatives (y, x) of :func:`mix`."""
    fy, fx = fy[:, None], fx[:, None]
    return ((1 - fx) * (s10 - s00) + fx * (s11 - s01),
            (1 - fy) * (s01 - s00) + fy * (s11 - s10))


@triton.jit
def scope_matrix(y, x, gy, gx, k, KERNEL: tl.constexpr, SCOPE: tl.constexpr,
                 CELLS: tl.constexpr):
    """Compute each table row's weight for tap k, (pixels, rows)."""
    cell = tl.arange(0, CELLS)[None, :]
    if KERNEL:
        down, right = cell // SCOPE - y[:, None], cell % SCOPE - x[:, None]
        weight_y = tl.where(down == 0, 1 - gy[:, None],
                            tl.where(down == 1, gy[:, None], 0.))
        weight_x = tl.where(right == 0, 1 - gx[:, None],
                            tl.where(right == 1, gx[:, None], 0.))
        matrix = weight_y * weight_x
    else:
        matrix = tl.where((cell == k) & (y == y)[:, None], 1., 0.)
    return matrix


@triton.jit
def scope_slopes(y, x, gy, gx, SCOPE: tl.constexpr, CELLS: tl.constexpr):
    """Compute derivatives (y, x) of ``scope_matrix``, (pixels, rows)."""
    cell = tl.arange(0, CELLS)[None, :]
    down, right = cell // SCOPE - y[:, None], cell % SCOPE - x[:, None]
    weight_y = tl.where(down == 0, 1 - gy[:, None],
                        tl.where(down == 1, gy[:, None], 0.))
    weight_x = tl.where(right == 0, 1 - gx[:, None],
                        tl.where(right == 1, gx[:, None], 0.))
    slope_y = tl.where(down == 0, -1., tl.where(down == 1, 1., 0.))
    slope_x = tl.where(right == 0, -1., tl.where(right == 1, 1., 0.))
    return slope_y * weight_x, weight_y * slope_x
