# Copyright (c) DKSAN-MM contributors.
"""Base of the files that hold a clip's pixels."""
import os
from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

# Rows and columns of a crop: top, left, height, width.
Box = tuple[int, int, int, int]


class ClipFile(ABC):
    """A clip's file, open for reading; a context manager.

    Read by offset, not mapped into memory: as quick, the process's memory
    does not grow with what it has touched, and a file that was cut short is
    an error instead of the end of the process.

    Attributes:
        shape (tuple[int, int, int, int]): ``(t, h, w, 3)``.

    Args:
        path (str): The file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or of another kind; names the path.
    """

    CONTENT: str  # for error messages: 'an array of frames'
    STORE: str  # of tools/prepare_data.py

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, 'rb', buffering=0)
        try:
            self.shape = self._read_header()
        except Exception as error:  # a damaged header raises many kinds
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
            frame (int): Index in the clip.
            box (tuple[int, int, int, int] | None): Top, left, height and
                width; the whole frame by default.

        Returns:
            np.ndarray: ``(height, width, 3)``, uint8, RGB, an array of its
            own.

        Raises:
            ValueError: If the frame or the box is not within the clip, or
                the file is damaged there; names the path.
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
        """The shape, once header and file size are checked."""

    @abstractmethod
    def _read_crop(self, frame: int, box: Box) -> NDArray[Any]:
        """Pixels of a box within the frame."""

    def _read_bytes(self, count: int, offset: int) -> bytes:
        content = os.pread(self._file.fileno(), count, offset)
        if len(content) != count:
            raise ValueError('it is cut short')
        return content

    def _check_size(self, wanted: int) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size != wanted:
            raise ValueError(f'{size} bytes, its header says {wanted}')
