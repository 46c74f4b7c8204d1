# Copyright (c) DKSAN-MM contributors.
"""Cropping and orientation of stored pictures."""
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
    """Edges of the stored frames that the file's header crops.

    Attributes:
        left (int): Number of columns.
        right (int): Number of columns.
        top (int): Number of rows.
        bottom (int): Number of rows.
    """
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def leaves(self, width: int, height: int) -> bool:
        """Return whether any pixel of a picture is left."""
        return (self.left + self.right < width
                and self.top + self.bottom < height)

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the cropped image, (h, w, c)."""
        height, width = image.shape[:2]
        return image[self.top:height - self.bottom,
                     self.left:width - self.right]


def read_crop(container: av.container.InputContainer,
              stream: av.VideoStream) -> Crop:
    """Read the crop that the container, not the codec, states.

    This is the clean aperture of MP4, or PixelCropTop etc. of Matroska. PyAV
    does not expose it, but FFmpeg's description of the file does.

    Args:
        container (InputContainer): The open file.
        stream (VideoStream): One of its streams.

    Returns:
        Crop: The crop; all zero if the file states none.
    """
    with logging_from(av.logging.INFO):
        described: Any = container  # dumps_format is missing in PyAV's types
        _, *sections = _STREAM.split(described.dumps_format())
    for section in sections:
        match = _CROP.search(section)
        if match and re.match(rf'{stream.index}\b', section):
            return Crop(*map(int, match.groups()))
    return Crop()


class Orientation(NamedTuple):
    """One of the eight orientations of a picture, applied in this order.

    Attributes:
        transpose (bool): Whether to exchange rows and columns.
        mirror (bool): Whether to exchange left and right then.
        flip (bool): Whether to exchange top and bottom then.
    """
    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Turn an image upright.

        Args:
            image (ndarray[h, w, c]): The stored image.

        Returns:
            ndarray[h, w, c] or [w, h, c]: The upright image, contiguous.
        """
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.mirror:
            image = image[:, ::-1]
        if self.flip:
            image = image[::-1]
        return np.ascontiguousarray(image)


def read_orientation(frame: av.VideoFrame) -> Orientation:
    """Read the orientation of a frame from its display matrix.

    An angle that is not a multiple of 90 degrees is rounded to the nearest.

    Args:
        frame (VideoFrame): A decoded frame.

    Returns:
        Orientation: The orientation; the identity without a matrix.
    """
    a, b, c, d = _read_matrix(frame)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def is_slanted(frame: av.VideoFrame) -> bool:
    """Return whether a frame is rotated by other than a right angle."""
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
