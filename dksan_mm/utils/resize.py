# Copyright (c) DKSAN-MM contributors.
"""MATLAB's ``imresize`` in float64, with which LR frames are usually made.

Only numpy is imported, so that tools can resize without mmagic.
"""
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cubic_kernel(x: NDArray[Any]) -> NDArray[Any]:
    """Keys' cubic convolution kernel with a = -0.5, MATLAB's choice.

    Args:
        x (np.ndarray): Distances in samples, any shape.

    Returns:
        np.ndarray: Weights, float64; zero for ``|x| >= 2``.
    """
    x = np.abs(np.asarray(x, dtype=np.float64))
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.))


def lanczos_kernel(x: NDArray[Any]) -> NDArray[Any]:
    """Lanczos kernel with three lobes.

    Args:
        x (np.ndarray): Distances in samples, any shape.

    Returns:
        np.ndarray: Weights, float64; zero for ``|x| >= 3``.
    """
    x = np.asarray(x, dtype=np.float64)
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.)


@lru_cache(maxsize=64)
def bicubic_weights(in_size: int, out_size: int, scale: float) -> NDArray[Any]:
    """Compute the matrix that resizes along one axis by bicubic.

    For downscaling, the kernel is widened by ``1 / scale`` (antialiasing).
    Beyond the border the signal is mirrored, and the border sample repeated.

    Args:
        in_size (int): Number of input samples.
        out_size (int): Number of output samples.
        scale (float): Output samples per input sample. It fixes the sampling
            grid; MATLAB rounds ``out_size`` up and keeps the given scale.

    Returns:
        np.ndarray: ``(out_size, in_size)``, float64, rows sum to 1. The array
        is shared between calls and read-only.

    Raises:
        ValueError: If a size or the scale is not positive.
    """
    return _kernel_weights(in_size, out_size, scale, cubic_kernel, 4)


@lru_cache(maxsize=64)
def lanczos_weights(in_size: int, out_size: int) -> NDArray[Any]:
    """Compute the matrix that resizes along one axis by Lanczos.

    Args:
        in_size (int): Number of input samples.
        out_size (int): Number of output samples.

    Returns:
        np.ndarray: See :func:`bicubic_weights`.

    Raises:
        ValueError: If a size is not positive.
    """
    scale = out_size / max(in_size, 1)
    return _kernel_weights(in_size, out_size, scale, lanczos_kernel, 6)


def _kernel_weights(in_size: int, out_size: int, scale: float,
                    kernel: Callable[[NDArray[Any]], NDArray[Any]],
                    support: int) -> NDArray[Any]:
    if in_size < 1 or out_size < 1 or scale <= 0:
        raise ValueError('sizes and scale must be positive, got in_size='
                         f'{in_size}, out_size={out_size}, scale={scale}')
    shrink = min(scale, 1.)
    width = support / shrink
    # Centre of each output sample on the input axis, both counted from 0.
    centre = (np.arange(out_size) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2).astype(np.int64)
    taps = first[:, None] + np.arange(math.ceil(width) + 2)
    weights = kernel(shrink * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = taps % (2 * in_size)
    mirrored = np.where(mirrored < in_size, mirrored,
                        2 * in_size - 1 - mirrored)
    matrix = np.zeros((out_size, in_size))
    np.add.at(matrix, (np.arange(out_size)[:, None], mirrored), weights)
    matrix.flags.writeable = False
    return matrix


def to_uint8(img: NDArray[Any]) -> NDArray[Any]:
    """Round to the nearest 8-bit value (halves up) and clip.

    Args:
        img (np.ndarray): Grey levels on the 0-255 scale, any shape.

    Returns:
        np.ndarray: uint8, of the same shape.
    """
    levels: NDArray[Any] = np.clip(np.floor(img + 0.5), 0, 255)
    return levels.astype(np.uint8)


def matlab_resize(img: NDArray[Any], scale: float) -> NDArray[Any]:
    """Bicubic resize like MATLAB's ``imresize(img, scale)``.

    Both axes are resized in float64 and the result is rounded once, as for a
    double image that is then stored with 8 bits. (For a uint8 image, MATLAB
    also rounds between the axes, which differs by at most one grey level.)

    Args:
        img (np.ndarray): ``(h, w)`` or ``(h, w, c)``, uint8 or floating.
        scale (float): Output pixels per input pixel, e.g. ``1 / 16``.

    Returns:
        np.ndarray: ``(ceil(h * scale), ceil(w * scale)[, c])``; uint8
        (rounded and clipped) for uint8 input, otherwise float64, unclipped.

    Raises:
        TypeError: If ``img`` is neither uint8 nor floating.
        ValueError: If ``img`` has another number of axes or is empty.
    """
    if img.dtype != np.uint8 and not np.issubdtype(img.dtype, np.floating):
        raise TypeError(f'img must be uint8 or floating, got {img.dtype}')
    if img.ndim not in (2, 3) or img.size == 0:
        raise ValueError('img must be a non-empty (h, w) or (h, w, c) array, '
                         f'got shape {img.shape}')
    out_h, out_w = (math.ceil(size * scale) for size in img.shape[:2])
    out = _resize_rows(img, bicubic_weights(img.shape[0], out_h, scale))
    out = _resize_rows(
        out.swapaxes(0, 1), bicubic_weights(img.shape[1], out_w, scale))
    out = out.swapaxes(0, 1)
    return to_uint8(out) if img.dtype == np.uint8 else out


def lanczos_resize(img: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize to a given size by Lanczos, antialiased when downscaling.

    Args:
        img (np.ndarray): ``(h, w, c)``, uint8.
        height (int): Number of output rows.
        width (int): Number of output columns.

    Returns:
        np.ndarray: ``(height, width, c)``, uint8, rounded once and clipped;
        ``img`` itself if it has this size.

    Raises:
        ValueError: If a size is not positive.
    """
    if img.shape[:2] == (height, width):
        return img
    rows = _resize_rows(img, lanczos_weights(len(img), height))
    out = _resize_rows(
        rows.swapaxes(0, 1), lanczos_weights(img.shape[1], width))
    return to_uint8(out.swapaxes(0, 1))


def _resize_rows(img: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Multiply the first axis of ``img`` by ``weights``, in float64."""
    out: NDArray[Any]
    flat = np.ascontiguousarray(img).reshape(len(img), -1)
    if weights.shape[0] >= weights.shape[1]:
        out = weights @ flat.astype(np.float64)
    else:
        # For downscaling, rows of weights are sparse: skip the zeros.
        out = np.empty((weights.shape[0], flat.shape[1]))
        for row, taps in enumerate(weights):
            used = np.flatnonzero(taps)
            span = slice(used[0], used[-1] + 1)
            out[row] = taps[span] @ flat[span].astype(np.float64)
    return out.reshape(-1, *img.shape[1:])
