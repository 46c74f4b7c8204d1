# Copyright (c) DKSAN-MM contributors.
"""Pixel values as image files store them."""
from typing import Any

import numpy as np
from numpy.typing import NDArray


def round_to_uint8(image: NDArray[Any]) -> NDArray[Any]:
    """Values as a PNG stores them: rounded (halves to even), cut to 0-255.

    Args:
        image (ndarray): Any shape, nominally 0-255.

    Returns:
        ndarray[uint8]: The same shape.
    """
    levels: NDArray[Any] = np.clip(np.rint(image), 0, 255)
    return levels.astype(np.uint8)
