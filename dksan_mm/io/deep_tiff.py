# Copyright (c) DKSAN-MM contributors.
"""TIFF files that OpenCV decodes, and what their values mean.

These are those of 16 bits, which Pillow truncates to 8, and a few others.
"""
import io
import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .tiff_planes import (APART, BITS, CHANNELS, CLASSIC, COMPRESSION,
                          PHOTOMETRIC, PLANAR, Read, Tags, read_pairs,
                          read_planes)

# Other TIFF tags.
_EXTRA, _FORMAT = 338, 339
_WHITE_IS_ZERO, _GREY, _GREY_OR_RGB, _YCBCR, _LAB = 0, (0, 1), (0, 1, 2), 6, 8
_MULTIPLIED, _ALPHA = 1, (1, 2)  # of _EXTRA
_FORMATS = {2: 'signed', 3: 'floating-point'}  # of _FORMAT


def read_tags(content: bytes) -> ImageFileDirectory_v2 | None:
    """Read the tags of the first image of a TIFF file.

    Args:
        content (bytes): Content of any file.

    Returns:
        ImageFileDirectory_v2 | None: The tags; None for other files, damaged
        ones, and big-endian BigTIFF files, which Pillow does not read.
    """
    if content[:4] not in (*CLASSIC, b'II+\0'):
        return None
    try:
        tags = ImageFileDirectory_v2(
            content[:8 if content[:4] in CLASSIC else 16])
        file = io.BytesIO(content)
        file.seek(tags.next or 0)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # on damaged tags
            tags.load(file)
    except (OSError, SyntaxError, ValueError, struct.error):
        return None
    return tags


def needs_opencv(tags: Tags, path: str) -> bool:
    """Return whether Pillow does not read a TIFF file as OpenCV does.

    Pillow truncates 16 bits to 8, and refuses uncompressed YCbCr.

    Args:
        tags (Mapping[int, Any]): Its tags.
        path (str): Path of the file, for error messages.

    Raises:
        ValueError: If its values are signed, floating-point or of more than 16
            bits, or 16-bit CIELAB or planar inks, which OpenCV and Pillow
            misread. Names the path.
    """
    bits = max(tags.get(BITS, (1, )))
    kind = max(tags.get(_FORMAT, (1, )))
    colours = tags.get(PHOTOMETRIC)
    if bits not in (1, 2, 4, 8, 16) or kind != 1:
        raise ValueError(f'{path}: holds '
                         f'{_FORMATS.get(kind, f"{bits}-bit")} values; save '
                         'it with 8 or 16 bits')
    if bits == 16 and colours == _LAB:
        raise ValueError(
            f'{path}: holds 16-bit CIELAB colours; save it as RGB')
    is_known = colours in _GREY_OR_RGB
    if bits == 16 and tags.get(PLANAR) == APART and not is_known:
        raise ValueError(f'{path}: its 16-bit inks are stored one after the '
                         'other (planar); save it as PNG')
    if colours == _YCBCR and bits == 8:
        return bool(tags.get(COMPRESSION, 1) == 1)
    # OpenCV does not read others, such as inks; Pillow's 8 bits have to do.
    return bool(bits == 16 and is_known)


def is_apart(tags: Tags) -> bool:
    """Return whether OpenCV cannot read the channels together."""
    count = tags.get(CHANNELS, 1)
    return tags.get(PHOTOMETRIC) != _YCBCR and count > 1 and (
        tags.get(PLANAR) == APART
        or count == 2 and tags.get(PHOTOMETRIC) in _GREY)


def read_deep(content: bytes, tags: Tags,
              read: Read) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Read the colours and the alpha of a file that :func:`needs_opencv`.

    Args:
        content (bytes): Content of the file.
        tags (Mapping[int, Any]): Its tags.
        read (Callable): Decodes a TIFF file by OpenCV.

    Returns:
        tuple: Grey (h, w) or RGB (h, w, 3), not multiplied by alpha; and alpha
        (h, w), or None. Both are uint16, or uint8 if the file is of 8 bits,
        and upright unless :func:`is_apart`.

    Raises:
        ValueError: If the file is damaged.
    """
    if is_apart(tags):
        planar = tags.get(PLANAR) == APART
        image = (read_planes if planar else read_pairs)(content, tags, read)
    else:
        image = read(content)
        image = image[..., None] if image.ndim == 2 else image[
            ..., [2, 1, 0, 3][:image.shape[2]]]
    return _split(image, tags, 1 if tags[PHOTOMETRIC] in _GREY else 3)


def _split(image: NDArray[Any], tags: Tags,
           count: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Split stored values (h, w, c) into colours and alpha."""
    colours, alpha = image[..., :count], None
    if tags.get(PHOTOMETRIC) == _WHITE_IS_ZERO:
        colours = 65535 - colours
    extra = tags.get(_EXTRA, (_ALPHA[-1], ))[0]  # Pillow's default, too
    if image.shape[2] > count and extra in _ALPHA:
        alpha = image[..., count]
        if extra == _MULTIPLIED:
            colours = _divide(colours, alpha)
    return np.ascontiguousarray(colours[...,
                                        0] if count == 1 else colours), alpha


def _divide(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo the multiplication of colours by alpha."""
    share = colours / np.maximum(alpha, 1)[..., None]
    divided: NDArray[Any] = np.rint(np.minimum(share, 1) * 65535)
    return divided.astype(np.uint16)
