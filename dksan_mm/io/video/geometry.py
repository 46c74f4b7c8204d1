# Copyright (c) DKSAN-MM contributors.
"""Geometry of a stored picture: the part shown, and which way up."""
import re
from typing import Any, NamedTuple

import av
import av.logging
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from .side_data import read_side_data
from .streams import logging_from

_STREAM = re.compile('^  Stream #0:', re.MULTILINE)
_CROP = re.compile(r'^ +Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)$',
                   re.MULTILINE)


class Crop(NamedTuple):
    """Edges that a file's header takes off its frames as they are stored.

    Attributes:
        left (int): Columns.
        right (int): Columns.
        top (int): Rows.
        bottom (int): Rows.
    """
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def leaves(self, width: int, height: int) -> bool:
        """Return whether anything is left of a picture."""
        return (self.left + self.right < width
                and self.top + self.bottom < height)

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the part of an image that is left, (h, w, c)."""
        height, width = image.shape[:2]
        return image[self.top:height - self.bottom,
                     self.left:width - self.right]


def read_crop(container: av.container.InputContainer,
              stream: av.VideoStream) -> Crop:
    """Read the edges that a container, not the codec, takes off.

    They are the clean aperture of MP4 and PixelCropTop and so on of Matroska.
    PyAV does not tell them, but FFmpeg's description of the file does.

    Args:
        container (InputContainer): The open file.
        stream (VideoStream): A stream of it.

    Returns:
        Crop: Of nothing, if the file does not say.
    """
    with logging_from(av.logging.INFO):
        described: Any = container  # PyAV's types leave its dump out
        _, *sections = _STREAM.split(described.dumps_format())
    for section in sections:
        match = _CROP.search(section)
        if match and re.match(rf'{stream.index}\b', section):
            return Crop(*map(int, match.groups()))
    return Crop()


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

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
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

    An angle that is no multiple of 90 degrees counts as the nearest one.

    Args:
        frame (VideoFrame): A decoded frame.

    Returns:
        Orientation: What its display matrix says; nothing without one.
    """
    a, b, c, d = _read_matrix(frame)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def is_slanted(frame: av.VideoFrame) -> bool:
    """Tell a frame that is to be shown at another than a right angle."""
    a, b, c, d = map(abs, _read_matrix(frame))
    one, other = a + d, b + c
    return min(one, other) > 0.02 * max(one, other)


def _read_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Read a, b, c, d of a frame's display matrix, in units of 1 / 65536.

    A stored point (x, y) is shown at (a x + c y, b x + d y).
    """
    data: Any = read_side_data(frame).get(Type.DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    return a, b, c, d
