# Copyright (c) DKSAN-MM contributors.
"""Detection of scene cuts."""
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Thresholds, *chosen here*, by measuring on frames at 1/16 of 40 real clips,
# fast motion among them: none of 5,920 pairs of neighbours is taken for a
# cut, and 6 of 4,680 joints of two clips, all of scenes alike in colour, are
# missed. Of crops of 20x12 pixels it is 15 pairs, and 35 of 1,560 joints.
HISTOGRAM_DISTANCE = 0.2
# What passes through the picture changes more of a small one: with n pixels
# the distance must be greater by this over sqrt(n).
SMALL_FRAMES = 5.
GREY_LEVELS = 10.
CORRELATION = 0.85
BINS = 8  # of each colour
LAYOUT = (32, 18)  # size to which frames are shrunk to compare their layout


def is_cut(previous: NDArray[Any], current: NDArray[Any]) -> bool:
    """Return whether a new scene begins with a frame.

    Its colours must be others, which motion does not change, however fast;
    and the places of bright and dark must be others, which a flash or a
    change of exposure does not change; and the grey levels must differ by
    more than a slow fade's do.

    Args:
        previous (ndarray[uint8, h, w, 3]): A frame, RGB.
        current (ndarray[uint8, h, w, 3]): The next one.

    Returns:
        bool: True at a hard cut. Dissolves and fades are none.
    """
    grey = [_grey(image) for image in (previous, current)]
    if np.abs(grey[0] - grey[1]).mean() < GREY_LEVELS:
        return False
    first, second = (_histogram(image) for image in (previous, current))
    least = HISTOGRAM_DISTANCE + SMALL_FRAMES / np.sqrt(grey[0].size)
    if np.abs(first - second).sum() / 2 < least:
        return False
    return _correlation(*grey) < CORRELATION


def _grey(image: NDArray[Any]) -> NDArray[Any]:
    """Luma of BT.601, rounded, float32."""
    luma = image @ np.array([9798, 19235, 3735], np.int32)  # of 32768
    return ((luma + 16384) >> 15).astype(np.float32)


def _histogram(image: NDArray[Any]) -> NDArray[Any]:
    """Share of the pixels in each of 8 x 8 x 8 boxes of colours."""
    red, green, blue = (image.reshape(-1, 3).astype(int) * BINS // 256).T
    counts = np.bincount((red * BINS + green) * BINS + blue, minlength=BINS**3)
    return counts / (image.shape[0] * image.shape[1])


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Correlate two grey images' coarse layouts; 0 if one has none."""
    layouts = [_shrink(image) for image in (first, second)]
    first, second = (layout - layout.mean() for layout in layouts)
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm > 1 else 0.


def _shrink(image: NDArray[Any]) -> NDArray[Any]:
    """Average an image over areas, as OpenCV's INTER_AREA does."""
    width, height = LAYOUT
    smaller = image.shape[0] < height or image.shape[1] < width
    weights = _stretching if smaller else _averaging
    shrunk: NDArray[Any] = weights(image.shape[0], height) @ image @ weights(
        image.shape[1], width).T
    return shrunk


@lru_cache(maxsize=4)
def _averaging(length: int, count: int) -> NDArray[Any]:
    """Weights ``(count, length)`` of pixels in areas of equal size."""
    edges = np.arange(count + 1)[:, None] * (length / count)
    covered = np.clip(edges - np.arange(length), 0, 1)
    return np.diff(covered, axis=0) * (count / length)


@lru_cache(maxsize=4)
def _stretching(length: int, count: int) -> NDArray[Any]:
    """Weights ``(count, length)`` of pixels that may be larger than areas."""
    places = np.arange(count)
    low = places * length // count
    share = (places + 1) - (low + 1) * (count / length)
    share = np.where(share <= 0, 0, share % 1)
    weights = np.zeros((count, length))
    weights[places, low] = 1 - share
    weights[places, np.minimum(low + 1, length - 1)] += share
    return weights
