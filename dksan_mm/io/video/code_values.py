# Copyright (c) DKSAN-MM contributors.
"""Code values of decoded frames as RGB, at their own bit depth."""
import re
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from .color import BT709, OWN, is_xyz, read_coding, read_color
from .light import BT1886, CINEMA, luma_weights, to_xyz
from .swscale import reformat

# White in the 16-bit RGB that swscale makes of limited range.
WHITE_16 = 65283
# PyAV returns the samples of these formats unconverted.
_NATIVE = ('gbrp', 'gbrap', 'rgb48', 'rgba64', 'rgbaf', 'rgbf', 'gray')
Codes = tuple[NDArray[Any], float, float]  # code values, black, white


def read_codes(frame: av.VideoFrame,
               has_alpha: bool) -> tuple[Codes, NDArray[Any] | None]:
    """Read the RGB code values of a frame at its own bit depth.

    Args:
        frame (VideoFrame): A decoded frame.
        has_alpha (bool): Whether to read its alpha, too.

    Returns:
        tuple: ``((codes, black, white), alpha)``: ``codes`` is uint16 or
        uint8, (h, w, 3); ``alpha`` is float32 from 0 to 1, (h, w), or None.
    """
    matrix, full = read_coding(frame)
    grey = is_grey(frame)
    if is_xyz(frame):
        return (_from_xyz(frame), 0, 65535), None
    if matrix in OWN and not grey:
        return (_from_planes(frame, matrix, full), 0, 65535), None
    values, top, step = _read_values(frame, has_alpha)
    alpha = None
    if has_alpha:
        alpha = np.minimum(values[..., 3] / np.float32(top), 1)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, 2)
    black, white = 0, top
    if not full:
        black, white = (16 * step, 235 * step) if grey else (0, WHITE_16)
    return (values[..., :3], black, white), alpha


def is_grey(frame: av.VideoFrame) -> bool:
    """Return whether a frame has no colours."""
    return frame.format.name.startswith(('gray', 'ya'))


def _from_xyz(frame: av.VideoFrame) -> NDArray[Any]:
    """Convert X'Y'Z' (SMPTE ST 428-1) to 16-bit RGB of BT.709.

    White of 48 cd/m2 becomes white, and colours outside BT.709 are clipped.
    swscale leaves white at 246.
    """
    content: Any = frame.planes[0]  # a buffer
    kind = '>u2' if frame.format.name.endswith('be') else '<u2'
    rows = np.frombuffer(content, kind).reshape(frame.height, -1)
    stored = rows[:, :3 * frame.width].reshape(frame.height, frame.width, 3)
    to_light, _ = CINEMA
    table = to_light(np.arange(4096) / 4095).astype(np.float32)
    light = table[stored >> 4] @ np.linalg.inv(to_xyz(BT709)).T
    levels: NDArray[Any] = np.rint(BT1886[1](np.clip(light, 0, 1)) * 65535)
    return levels.astype(np.uint16)


def _read_values(frame: av.VideoFrame,
                 has_alpha: bool) -> tuple[NDArray[Any], int, int]:
    """Read the values, their maximum, and the size of an 8-bit step."""
    bits = max(c.bits for c in frame.format.components)
    if frame.format.name.startswith(_NATIVE):
        return _read_native(frame, bits)
    grey = is_grey(frame)
    if bits > 8 or (read_coding(frame)[0] and not grey) or has_alpha and grey:
        deep = reformat(frame, 'rgba64le' if has_alpha else 'rgb48le')
        return deep.to_ndarray(), (2**bits - 1) << (16 - bits), 256
    plain = reformat(frame, 'rgba' if has_alpha else 'rgb24')
    return plain.to_ndarray(), 255, 1


def _read_native(frame: av.VideoFrame,
                 bits: int) -> tuple[NDArray[Any], int, int]:
    """Read a format that needs no conversion; see :func:`_read_values`."""
    values: NDArray[Any] = frame.to_ndarray()
    if values.dtype.kind == 'f':
        values = np.nan_to_num(np.clip(values, 0, 1))
        values = np.rint(values * 65535).astype(np.uint16)
    bits = 16 if values.dtype == np.uint16 and bits > 16 else bits
    return values, 2**bits - 1, 2**(bits - 8)


def _from_planes(frame: av.VideoFrame, matrix: int,
                 full: bool) -> NDArray[Any]:
    """Compute 16-bit RGB with matrices that swscale does not support."""
    bits = frame.format.components[0].bits
    y, first, second = _read_planes(frame)
    half = 2**(bits - 1)
    if full:
        y = y / (2**bits - 1)
        first, second = [(c - half) / (2**bits - 1) for c in (first, second)]
    else:
        y = (y - half / 8) / (219 / 128 * half)
        # YCgCo is computed from R, G and B of limited range.
        span = (219 if matrix == 8 else 224) / 128 * half
        first, second = [(c - half) / span for c in (first, second)]
    if matrix == 8:  # YCgCo
        rgb = (y - first + second, y + first, y - first - second)
    else:
        red, green, blue = luma_weights(read_color(frame).primaries)
        r, b = y + 2 * (1 - red) * second, y + 2 * (1 - blue) * first
        rgb = (r, (y - red * r - blue * b) / green, b)
    image = np.clip(np.stack(rgb, -1), 0, 1)
    levels: NDArray[Any] = np.rint(image * 65535)
    return levels.astype(np.uint16)


def _read_planes(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """Read luma and both chroma planes as float32, at luma's size."""
    if not re.match('yuvj?4..p', frame.format.name):
        raise NotImplementedError('its matrix needs planes')
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    planes = []
    for plane in frame.planes[:3]:
        content: Any = plane  # a buffer
        rows = np.frombuffer(content, kind).reshape(plane.height, -1)
        rows = rows[:, :plane.width].astype(np.float32)
        rows = _stretch(rows, frame.height)
        planes.append(_stretch(rows.T, frame.width).T)
    return planes


def _stretch(rows: NDArray[Any], height: int) -> NDArray[Any]:
    """Interpolate between rows with evenly spaced centres."""
    if len(rows) == height:
        return rows
    places = (np.arange(height) + 0.5) * (len(rows) / height) - 0.5
    places = np.clip(places, 0, len(rows) - 1)
    low = places.astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (places - low).astype(np.float32)[:, None]
    stretched: NDArray[Any] = rows[low] * (1 - share) + rows[high] * share
    return stretched
