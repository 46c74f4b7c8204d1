# Copyright (c) DKSAN-MM contributors.
"""Rounding of pixel values for image files."""
from typing import Any

import numpy as np
from numpy.typing import NDArray


def round_to_uint8(image: NDArray[Any]) -> NDArray[Any]:
    """Round to 8 bits (halves to even) and clip to 0-255, as for a PNG.

    Args:
        image (ndarray): Any shape, nominally 0-255.

    Returns:
        ndarray[uint8]: Of the same shape.
    """
    levels: NDArray[Any] = np.clip(np.rint(image), 0, 255)
    return levels.astype(np.uint8)
