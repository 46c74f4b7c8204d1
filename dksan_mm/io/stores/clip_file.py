# Copyright (c) DKSAN-MM contributors.
"""Base class of the files that hold a clip's pixels."""
import os
from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

# Crop in pixels: top, left, height, width.
Box = tuple[int, int, int, int]


class ClipFile(ABC):
    """File of a clip, open for reading; a context manager.

    It is read by offset instead of mapped into memory: this is as fast, does
    not increase the memory of the process, and a truncated file is an error
    instead of a crash.

    Attributes:
        shape (tuple[int, int, int, int]): ``(t, h, w, 3)``.

    Args:
        path (str): Path of the file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or of another kind; names the path.
    """

    CONTENT: str  # for error messages: 'an array of frames'
    STORE: str  # option value of tools/prepare_data.py

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, 'rb', buffering=0)
        try:
            self.shape = self._read_header()
        except Exception as error:  # damaged headers raise many kinds
            self._file.close()
            raise ValueError(
                f'{path}: not {self.CONTENT} ({error}); delete it, '
                f'tools/prepare_data.py --store {self.STORE} makes it again'
            ) from error

    def __enter__(self) -> 'ClipFile':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, frame: int, box: Box | None = None) -> NDArray[Any]:
        """Read one frame or a crop of it.

        Args:
            frame (int): Index of the frame in the clip.
            box (tuple[int, int, int, int] | None): Top, left, height and
                width of the crop; the whole frame by default.

        Returns:
            np.ndarray: ``(height, width, 3)``, uint8, RGB, not a view.

        Raises:
            ValueError: If the frame or the crop is outside the clip, or the
                file is damaged there; names the path.
        """
        count, full_height, full_width, _ = self.shape
        top, left, height, width = box or (0, 0, full_height, full_width)
        if not (0 <= frame < count and 0 <= top <= top + height <= full_height
                and 0 <= left <= left + width <= full_width):
            raise ValueError(f'{self.path}: frame {frame}, box {box} is not '
                             f'within the shape {self.shape}')
        try:
            return self._read_crop(frame, (top, left, height, width))
        except ValueError as error:
            raise ValueError(f'{self.path}: damaged in frame {frame} '
                             f'({error})') from error

    @abstractmethod
    def _read_header(self) -> tuple[int, int, int, int]:
        """Check the header and the file size, and return the shape."""

    @abstractmethod
    def _read_crop(self, frame: int, box: Box) -> NDArray[Any]:
        """Read the pixels of a crop within the frame."""

    def _read_bytes(self, count: int, offset: int) -> bytes:
        content = os.pread(self._file.fileno(), count, offset)
        if len(content) != count:
            raise ValueError('it is cut short')
        return content

    def _check_size(self, wanted: int) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size != wanted:
            raise ValueError(f'{size} bytes, its header says {wanted}')
