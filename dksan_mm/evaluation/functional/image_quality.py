# Copyright (c) DKSAN-MM contributors.
"""PSNR and SSIM of two 8-bit frames, which need only numpy and OpenCV.

The metrics of :mod:`dksan_mm.evaluation.metrics` are means of these values.
Frames are ``(h, w, 3)`` in RGB order or one channel ``(h, w)``, 0-255.
"""
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

# Y of ITU-R BT.601 in studio range as in MATLAB's ``rgb2ycbcr``; R, G, B.
LUMA_WEIGHTS = (65.481, 128.553, 24.966)
WINDOW = 11  # SSIM's Gaussian window: 11 taps, sigma 1.5 (Wang et al., 2004)
GAUSSIAN = cv2.getGaussianKernel(WINDOW, 1.5)
C1, C2 = np.float32(2.55**2), np.float32(7.65**2)  # K1 = 0.01, K2 = 0.03
BAND_ROWS = 32  # rows processed at once: small arrays stay in cache and heap


def luma(rgb: np.ndarray) -> np.ndarray:
    """Compute ``Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255`` (BT.601).

    As in mmagic and BasicSR, the result is not rounded to 8 bits; MATLAB's
    function rounds it for ``uint8`` input.

    Args:
        rgb (ndarray[h, w, 3]): RGB image, 0-255.

    Returns:
        ndarray[float64, h, w]: Luma, 16-235.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f'luma needs an image (h, w, 3), got {rgb.shape}')
    return rgb @ (np.array(LUMA_WEIGHTS) / 255) + 16


def crop_border(image: np.ndarray, border: int) -> np.ndarray:
    """Crop ``border`` pixels from each edge of an image."""
    height, width = image.shape[:2]
    if not 0 <= 2 * border < min(height, width):
        raise ValueError(f'cannot crop a border of {border} pixels off a '
                         f'{height}x{width} image')
    return image[border:height - border, border:width - border]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Compute ``10 log10(255^2 / MSE)`` in dB over all pixels and channels.

    The PSNR of identical frames would be infinite, and so would the mean over
    the video. *Chosen here*: the MSE of N samples is at least ``1 / N``, the
    smallest possible value for two different 8-bit frames. Identical frames
    thus get the finite value ``10 log10(255^2 N)``.

    Args:
        first, second (ndarray): Images of equal shape, 0-255.

    Raises:
        ValueError: If the shapes differ.
    """
    _check_pair(first, second)
    squared_error = cv2.norm(
        np.ascontiguousarray(first), np.ascontiguousarray(second),
        cv2.NORM_L2SQR)
    return float(10 * np.log10(255**2 * first.size / max(squared_error, 1.)))


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the structural similarity (Wang et al., 2004), channel mean.

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, dynamic range
    255, and only windows inside the image, as defined by mmagic and by the
    authors' MATLAB code.

    Args:
        first, second (ndarray[h, w] or ndarray[h, w, channels]): Images of
            equal shape, 0-255, h and w at least 11.

    Raises:
        ValueError: If the shapes differ or are smaller than the window.
    """
    _check_pair(first, second)
    if min(first.shape[:2]) < WINDOW:
        raise ValueError(f'SSIM needs images of at least {WINDOW}x{WINDOW} '
                         f'pixels, got {first.shape[:2]}')
    pairs = list(zip(_planes(first), _planes(second)))
    rows = first.shape[0] - WINDOW + 1
    bands = [(a[top:top + BAND_ROWS + WINDOW - 1],
              b[top:top + BAND_ROWS + WINDOW - 1]) for a, b in pairs
             for top in range(0, rows, BAND_ROWS)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        total = sum(pool.map(_ssim_sum, *zip(*bands)))
    return total / (len(pairs) * rows * (first.shape[1] - WINDOW + 1))


def _check_pair(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape or first.ndim not in (2, 3):
        raise ValueError('expected two images (h, w) or (h, w, channels) of '
                         f'one shape, got {first.shape} and {second.shape}')


def _planes(image: np.ndarray) -> Sequence[np.ndarray]:
    """Split an image into contiguous ``(h, w)`` planes."""
    return cv2.split(np.ascontiguousarray(image))


def _blur(plane: np.ndarray) -> np.ndarray:
    """Compute the Gaussian mean of every window inside the plane."""
    half = WINDOW // 2
    blurred = cv2.sepFilter2D(plane, cv2.CV_32F, GAUSSIAN, GAUSSIAN)
    return blurred[half:-half, half:-half]


def _ssim_sum(first: np.ndarray, second: np.ndarray) -> float:
    """Sum the SSIM map of one band of a plane, shape ``(h, w)``.

    With d = a - b, the SSIM of a window is ``(1 - mean(d)^2 / (mean(a)^2 +
    mean(b)^2 + C1)) (1 - var(d) / (var(a) + var(b) + C2))``, which needs four
    blurs instead of five. A grey level near the mean is subtracted first to
    keep the precision of float32; variances do not depend on it.
    """
    grey = np.float32(round(cv2.mean(first)[0]))
    a = np.subtract(first, grey, dtype=np.float32)
    b = np.subtract(second, grey, dtype=np.float32)
    d = a - b
    mean_a, mean_d = _blur(a), _blur(d)
    mean_b = mean_a - mean_d
    for image in (a, b, d):
        image *= image
    a += b
    squares = mean_a * mean_a
    squares += mean_b * mean_b
    # mean(a)^2 + mean(b)^2 + C1, with the grey level added back.
    twice = float(2 * grey)
    luminance: np.ndarray = cv2.addWeighted(mean_a, twice, mean_b, twice,
                                            float(2 * grey * grey + C1))
    luminance += squares
    contrast = _blur(a)  # var(a) + var(b) + C2
    contrast -= squares
    contrast += C2
    mean_d *= mean_d
    difference = _blur(d)  # var(d)
    difference -= mean_d
    similarity = luminance - mean_d
    similarity *= contrast - difference
    luminance *= contrast
    similarity /= luminance
    return cv2.sumElems(similarity)[0]
