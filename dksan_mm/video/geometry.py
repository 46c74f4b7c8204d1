# Copyright (c) DKSAN-MM contributors.
"""Display matrices: pictures that a camera stored turned or mirrored."""
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type


class Orientation(NamedTuple):
    """One of the eight ways to show a picture, in this order.

    Attributes:
        transpose (bool): Whether rows become columns.
        mirror (bool): Whether left and right are then exchanged.
        flip (bool): Whether top and bottom are.
    """
    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turn an image upright.

        Args:
            image (ndarray[h, w, c]): As it is stored.

        Returns:
            ndarray[h, w, c] or [w, h, c]: As it is shown, contiguous.
        """
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.mirror:
            image = image[:, ::-1]
        if self.flip:
            image = image[::-1]
        return np.ascontiguousarray(image)


def read_orientation(frame: av.VideoFrame) -> Orientation:
    """Find out how a frame is to be shown.

    The display matrix maps a stored point (x, y) to (a x + c y, b x + d y).
    An angle that is no multiple of 90 degrees counts as the nearest one.

    Args:
        frame (VideoFrame): A decoded frame.

    Returns:
        Orientation: What its display matrix says; nothing without one.
    """
    try:
        data = bytes(frame.side_data[Type.DISPLAYMATRIX])
    except KeyError:
        return Orientation()
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
