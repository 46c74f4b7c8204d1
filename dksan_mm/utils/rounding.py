# Copyright (c) DKSAN-MM contributors.
"""Pixel values as image files store them."""
import numpy as np


def round_to_uint8(image: np.ndarray) -> np.ndarray:
    """Values as a PNG stores them: rounded (halves to even), cut to 0-255.

    Args:
        image (ndarray): Any shape, nominally 0-255.

    Returns:
        ndarray[uint8]: The same shape.
    """
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
