# Copyright (c) DKSAN-MM contributors.
"""Reading and writing of image files, complete or not at all."""
import os
import os.path as osp
import struct
import zlib
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dksan_mm.utils.errors import UserError
from .files import replacing
from .image_headers import still_png

# Compared with OpenCV's default strategy at levels 3 and 6, on 720p and 1080p
# frames: 1.5x and 3x faster to write, 5-15 % larger.
PNG_LEVEL = 1


def read_image(path: str) -> NDArray[Any]:
    """Read an image as 8-bit sRGB in BGR order.

    Grey images are repeated to three channels; for 16-bit values, colour
    profiles, transparency and EXIF orientation see
    :func:`dksan_mm.io.image_decoding.decode`.

    Args:
        path (str): Path of a PNG, JPEG, TIFF, BMP or WebP file.

    Returns:
        np.ndarray: Upright image, ``(h, w, 3)``, uint8.

    Raises:
        ValueError: If the file is not a complete image; names the path.
        OSError: If the file cannot be opened.
    """
    with open(path, 'rb') as file:
        return decode_image(file.read(), path)


def decode_image(content: bytes, path: str) -> NDArray[Any]:
    """Decode an encoded image; see :func:`read_image`.

    Args:
        content (bytes): The encoded image.
        path (str): Path of its file, for error messages.

    Returns:
        np.ndarray: ``(h, w, 3)``, uint8, BGR.

    Raises:
        ValueError: If ``content`` is not a complete image.
    """
    return decode_with_notes(content, path)[0]


def decode_with_notes(content: bytes,
                      path: str) -> tuple[NDArray[Any], list[str]]:
    """Decode an encoded image; see :mod:`dksan_mm.io.image_decoding`.

    Args:
        content (bytes): The encoded image.
        path (str): Path of its file, for error messages.

    Returns:
        tuple: Image, ``(h, w, 3)``, uint8, BGR; and notes, one phrase per
        conversion that the user should know of.

    Raises:
        ValueError: If ``content`` is not a complete image.
        UserError: If OpenCV or Pillow is not installed.
    """
    need_image_packages(path)
    from .image_decoding import decode
    return decode(content, path)


def need_image_packages(path: str) -> None:
    """Raise an error if no image can be read; videos need no packages.

    Args:
        path (str): Path of the image, for the message.

    Raises:
        UserError: If OpenCV or Pillow is not installed.
    """
    for package, module in (('OpenCV', 'cv2'), ('Pillow', 'PIL')):
        if find_spec(module) is None:
            raise UserError(f'{path}: reading images needs {package}, which '
                            "is not installed: pip install 'dksan_mm[images]'")


def sum_up(path: str, phrases: Mapping[str, int]) -> list[str]:
    """Turn the phrases of :func:`decode_with_notes` into sentences.

    Args:
        path (str): Folder, pattern or file of the images.
        phrases (dict[str, int]): Number of images for each phrase.
    """
    return [
        f'{path}: {phrase}' + (f' ({count} images)' if count > 1 else '')
        for phrase, count in phrases.items()
    ]


def is_image(path: str) -> bool:
    """Return whether a path is a file with a complete image."""
    try:
        read_image(path)
        return True
    except (FileNotFoundError, ValueError):
        return False


def write_png(path: str, image: NDArray[Any]) -> None:
    """Write a PNG so that ``path`` never holds a part of it.

    Args:
        path (str): The file to write or replace.
        image (np.ndarray): ``(h, w, 3)``, uint8, BGR.

    Raises:
        OSError: If the file cannot be written; ``path`` is unchanged then.
    """
    write_bytes(path, _encode_png(image))


def _encode_png(image: NDArray[Any]) -> bytes:
    if find_spec('cv2') is None:
        return encode_plain_png(image)
    import cv2
    ok, content = cv2.imencode('.png', image,
                               (cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL))
    if not ok:
        raise OSError('PNG encoding failed')
    return content.tobytes()


def encode_plain_png(image: NDArray[Any]) -> bytes:
    """Encode a PNG without OpenCV; the file is larger.

    Args:
        image (np.ndarray): ``(h, w, 3)``, uint8, BGR.

    Returns:
        bytes: The file, which codes each pixel minus its left neighbour.
    """
    height, width, _ = image.shape
    rgb = np.pad(image[..., ::-1], ((0, 0), (1, 0), (0, 0)))
    rows = np.full((height, 3 * width + 1), 1, np.uint8)  # the filter "Sub"
    rows[:, 1:] = (rgb[:, 1:] - rgb[:, :-1]).reshape(height, -1)
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return still_png(header, zlib.compress(rows.tobytes(), PNG_LEVEL))


def write_bytes(path: str, content: bytes, *, sync: bool = False) -> None:
    """Write a file under a temporary name, then move it to ``path``.

    Args:
        path (str): The file to write or replace.
        content (bytes): Content of the file.
        sync (bool): Wait until the content is on the disk, so that after a
            power cut there is either the old or the new file.

    Raises:
        OSError: If the file cannot be written; ``path`` is unchanged then.
    """
    try:
        with replacing(path, sync=sync) as file:
            file.write(content)
        if sync:
            sync_path(osp.dirname(path))
    except OSError as error:
        error.filename = path  # the error of a full disk names no file
        raise


def file_crc32(path: str) -> str:
    """Return the CRC-32 of a file of any size, as 8 hexadecimal digits."""
    value = 0
    with open(path, 'rb') as file:
        while part := file.read(1 << 24):
            value = zlib.crc32(part, value)
    return f'{value:08x}'


def sync_folder(folder: str) -> None:
    """Wait until a folder and its files are on the disk.

    Called once per clip, before the clip is moved to its path, not once per
    frame: after a power cut a clip is complete, or is prepared again.

    Args:
        folder (str): Path of a folder of files.
    """
    paths = [osp.join(folder, name) for name in os.listdir(folder)]
    for path in paths + [folder]:
        sync_path(path)


def sync_path(path: str) -> None:
    """Wait until a file, or the list of files in a folder, is on the disk."""
    handle = os.open(path or '.', os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
