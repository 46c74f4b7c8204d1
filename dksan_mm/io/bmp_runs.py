# Copyright (c) DKSAN-MM contributors.
"""Run-length coded BMP files, in which Pillow loses pixels and rows."""
import io
from typing import Any

import av
from numpy.typing import NDArray

from .file_kinds import not_an_image

_RUNS = (1, 2)  # kinds of compression: 8 and 4 bits per pixel


def has_runs(content: bytes) -> bool:
    """Return whether a file is a run-length coded BMP file."""
    return content[:2] == b'BM' and _number(content, 30) in _RUNS


def decode_runs(content: bytes, path: str) -> NDArray[Any]:
    """Decode a run-length coded BMP file by FFmpeg.

    Args:
        content (bytes): Content of the file.
        path (str): Path of the file, for error messages.

    Returns:
        ndarray[uint8, h, w, 3]: BGR.

    Raises:
        ValueError: If the file is damaged; names the path.
    """
    start, length = _number(content, 10), _number(content, 34)
    if start + length > len(content):
        raise not_an_image(content, path, 'cut short')
    try:
        with av.open(io.BytesIO(content), 'r', 'bmp_pipe') as container:
            [frame] = container.decode(video=0)
        image: NDArray[Any] = frame.to_ndarray(format='bgr24')
    except (ValueError, av.FFmpegError) as error:
        raise not_an_image(content, path) from error
    return image


def _number(content: bytes, place: int) -> int:
    return int.from_bytes(content[place:place + 4], 'little')
