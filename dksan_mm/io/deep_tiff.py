# Copyright (c) DKSAN-MM contributors.
"""16-bit TIFF files: which are read, and what their values mean."""
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# TIFF tags.
_BITS, _PHOTOMETRIC, _PLANAR, _EXTRA, _FORMAT = 258, 262, 284, 338, 339
_WHITE_IS_ZERO, _GREY_OR_RGB = 0, (0, 1, 2)  # of _PHOTOMETRIC
_APART = 2  # of _PLANAR
_MULTIPLIED, _ALPHA = 1, (1, 2)  # of _EXTRA
_FORMATS = {2: 'signed', 3: 'floating-point'}  # of _FORMAT


def is_deep(file: Image.Image, path: str) -> bool:
    """Return whether a TIFF file has 16 bits, which Pillow truncates to 8.

    Args:
        file (Image): The open file.
        path (str): Path of the file, for error messages.

    Raises:
        ValueError: If its values are signed, floating-point or of more than 16
            bits, or if its 16-bit channels are stored one after the other:
            OpenCV and Pillow misread such files. Names the path.
    """
    tags = _read_tags(file)
    bits = max(tags.get(_BITS, (1, )))
    kind = max(tags.get(_FORMAT, (1, )))
    if bits not in (1, 2, 4, 8, 16) or kind != 1:
        raise ValueError(f'{path}: holds '
                         f'{_FORMATS.get(kind, f"{bits}-bit")} values; save '
                         'it with 8 or 16 bits')
    if bits == 16 and tags.get(_PLANAR) == _APART:
        raise ValueError(f'{path}: its 16-bit channels are stored one after '
                         'the other (planar); save it as PNG')
    # OpenCV does not read others, such as inks; Pillow's 8 bits have to do.
    return bool(bits == 16 and tags.get(_PHOTOMETRIC) in _GREY_OR_RGB)


def split_deep(
    image: NDArray[Any],
    file: Image.Image,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Split the values of a 16-bit TIFF file into colours and alpha.

    Args:
        image (ndarray[uint16, h, w] or [h, w, c]): Stored values, BGR(A).
        file (Image): The open file.

    Returns:
        tuple: Grey (h, w) or RGB (h, w, 3), not multiplied by alpha; and alpha
        (h, w), or None. Both are uint16.
    """
    tags = _read_tags(file)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        image = 65535 - image
    if image.ndim == 2:
        return image, None
    extra = tags.get(_EXTRA, (_ALPHA[-1], ))[0]  # Pillow's default, too
    colours, alpha = image[..., 2::-1], None
    if image.shape[2] == 4 and extra in _ALPHA:
        alpha = image[..., 3]
        if extra == _MULTIPLIED:
            colours = _divide(colours, alpha)
    return np.ascontiguousarray(colours), alpha


def _divide(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo the multiplication of colours by alpha."""
    share = colours / np.maximum(alpha, 1)[..., None]
    divided: NDArray[Any] = np.rint(np.minimum(share, 1) * 65535)
    return divided.astype(np.uint16)


def _read_tags(file: Image.Image) -> Any:
    return getattr(file, 'tag_v2')  # only TIFF files have it
