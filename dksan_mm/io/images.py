# Copyright (c) DKSAN-MM contributors.
"""Image files: whole or not at all."""
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
from .image_headers import PNG_START

# Against OpenCV's default strategy at level 3 and 6, measured on 720p and
# 1080p frames: 1.5x and 3x faster to write, 5-15 % larger.
PNG_LEVEL = 1


def read_image(path: str) -> NDArray[Any]:
    """Read one image as 8-bit sRGB, in the order BGR.

    Grey images are repeated to three channels; see
    :func:`dksan_mm.io.image_decoding.decode` for what is done to 16-bit
    values, colour profiles, transparency and EXIF orientation.

    Args:
        path (str): A PNG, JPEG, TIFF, BMP or WebP file.

    Returns:
        np.ndarray: ``(h, w, 3)``, uint8, upright.

    Raises:
        ValueError: If the file is not a whole image; names the path.
        OSError: If the file cannot be opened.
    """
    with open(path, 'rb') as file:
        return decode_image(file.read(), path)


def decode_image(content: bytes, path: str) -> NDArray[Any]:
    """Decode a file's bytes; see :func:`read_image`.

    Args:
        content (bytes): The encoded image.
        path (str): Where it came from, for the error message.

    Returns:
        np.ndarray: ``(h, w, 3)``, uint8, BGR.

    Raises:
        ValueError: If ``content`` is not a whole image.
    """
    return decode_with_notes(content, path)[0]


def decode_with_notes(content: bytes,
                      path: str) -> tuple[NDArray[Any], list[str]]:
    """Decode a file's bytes; see :mod:`dksan_mm.io.image_decoding`.

    Args:
        content (bytes): The encoded image.
        path (str): Where it came from, for the error message.

    Returns:
        tuple: The image, ``(h, w, 3)``, uint8, BGR; and notes, a phrase for
        each thing that a user may want to know.

    Raises:
        ValueError: If ``content`` is not a whole image.
        UserError: If OpenCV or Pillow is not installed.
    """
    need_image_packages(path)
    from .image_decoding import decode
    return decode(content, path)


def need_image_packages(path: str) -> None:
    """Refuse to read an image where nothing can; videos need neither.

    Args:
        path (str): The image.

    Raises:
        UserError: If OpenCV or Pillow is not installed.
    """
    for package, module in (('OpenCV', 'cv2'), ('Pillow', 'PIL')):
        if find_spec(module) is None:
            raise UserError(f'{path}: reading images needs {package}, which '
                            "is not installed: pip install 'dksan_mm[images]'")


def sum_up(path: str, phrases: Mapping[str, int]) -> list[str]:
    """Sentences of the phrases that :func:`decode_with_notes` gave.

    Args:
        path (str): What the images are of.
        phrases (dict[str, int]): Each phrase and how many images had it.
    """
    return [
        f'{path}: {phrase}' + (f' ({count} images)' if count > 1 else '')
        for phrase, count in phrases.items()
    ]


def is_image(path: str) -> bool:
    """Return whether there is a file, and it is a whole image."""
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
        OSError: If the file cannot be written; nothing is left at ``path``.
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
    """Encode a PNG without OpenCV, which is three times as fast.

    Args:
        image (np.ndarray): ``(h, w, 3)``, uint8, BGR.

    Returns:
        bytes: The file, whose pixels are differences to those on the left.
    """
    height, width, _ = image.shape
    rgb = np.pad(image[..., ::-1], ((0, 0), (1, 0), (0, 0)))
    rows = np.full((height, 3 * width + 1), 1, np.uint8)  # the filter "Sub"
    rows[:, 1:] = (rgb[:, 1:] - rgb[:, :-1]).reshape(height, -1)
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return PNG_START + b''.join(
        _chunk(*chunk)
        for chunk in ((b'IHDR', header),
                      (b'IDAT', zlib.compress(rows.tobytes(), PNG_LEVEL)),
                      (b'IEND', b'')))


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack('>I', len(content)) + name + content + struct.pack(
        '>I', check)


def write_bytes(path: str, content: bytes, *, sync: bool = False) -> None:
    """Write a file under another name, then move it to ``path``.

    Args:
        path (str): The file to write or replace.
        content (bytes): All of it.
        sync (bool): Wait until the content is on the disk, so that a power
            cut leaves the old file or the new one.

    Raises:
        OSError: If the file cannot be written; nothing is left at ``path``.
    """
    try:
        with replacing(path, sync=sync) as file:
            file.write(content)
        if sync:
            sync_path(osp.dirname(path))
    except OSError as error:
        error.filename = path  # a full disk names none
        raise


def file_crc32(path: str) -> str:
    """CRC-32 of a file's bytes, 8 hexadecimal digits."""
    with open(path, 'rb') as file:
        return f'{zlib.crc32(file.read()):08x}'


def sync_folder(folder: str) -> None:
    """Wait until a folder and the files in it are on the disk.

    Once a clip, before it is moved to its place, instead of once a frame:
    after a power cut a clip is there whole, or is prepared again.

    Args:
        folder (str): A folder of files.
    """
    paths = [osp.join(folder, name) for name in os.listdir(folder)]
    for path in paths + [folder]:
        sync_path(path)


def sync_path(path: str) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path or '.', os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
