# Copyright (c) DKSAN-MM contributors.
"""Clips as arrays: a crop is read without decoding a whole frame.

Beside the folder of a clip's frames, ``{clip}/``, stands ``{clip}.npy``:
uint8, ``(t, h, w, 3)``, RGB, the same pixels. It can be deleted at any time,
and be read by ``numpy.load``.

Chosen by measurement: CPU time to read a 512x512 crop of a 1920x1072 frame
and size of a frame (``highway-overpass``, a 1080p video of traffic, one core
of a shared machine), all lossless, and the size of the 66 x 120 frames of
Vid3oC's training and validation splits:

===========================  ========  ==========  ========
form                         ms/crop   MB/frame    Vid3oC
===========================  ========  ==========  ========
whole PNG                      30.0       1.08       8.6 GB
tiles, delta + zlib, 64         6.4       1.13       8.9 GB
tiles, PNG, 128                 4.9       1.12       8.9 GB
tiles, WebP lossless            3.8    (1.1 s/frame to write)
tiles, MagicYUV, 128            3.3       1.53      12.1 GB
tiles, QOI, 128                 1.9       1.66      13.1 GB
array, mapped into memory       0.2       6.17      48.9 GB
array, rows read               0.2       6.17      48.9 GB
===========================  ========  ==========  ========

Rows are read, not mapped: as quick, the process's memory does not grow with
what it has touched, and a file that was cut short is an error instead of the
end of the process.
"""
import ast
import os
import os.path as osp
import zlib
from functools import lru_cache
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
from numpy.lib import format as npy

from .images import read_image
from .layout import list_frames

# Rows and columns of a crop: top, left, height, width.
Box = Tuple[int, int, int, int]


def array_path(folder: str) -> str:
    """Where the array of a clip's folder of frames stands: beside it."""
    return osp.normpath(folder) + '.npy'


class FrameArray:
    """A clip's array, open for reading; a context manager.

    Args:
        path (str): The ``.npy`` file.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged or of another kind; names the path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open(path, 'rb', buffering=0)
        try:
            self.shape = self._read_shape()
        except Exception as error:  # a damaged header raises many kinds
            self._file.close()
            raise ValueError(
                f'{path}: not an array of frames ({error}); delete it, '
                'tools/prepare_data.py --store array makes it again'
            ) from error

    def __enter__(self) -> 'FrameArray':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self.shape[0]

    def _read_shape(self) -> Tuple[int, int, int, int]:
        """Shape ``(t, h, w, 3)``, once the header and the size are checked."""
        start = self._file.read(10)
        if len(start) < 10 or start[:8] != npy.magic(1, 0):
            raise ValueError('no .npy file of version 1.0')
        shape = _parse_header(self._file.read(start[8] + 256 * start[9]))
        self._start = self._file.tell()
        wanted = self._start + int(np.prod(shape, dtype=np.int64))
        size = os.fstat(self._file.fileno()).st_size
        if size != wanted:
            raise ValueError(f'{size} bytes, its header says {wanted}')
        return shape

    def read(self, frame: int, box: Optional[Box] = None) -> np.ndarray:
        """Read one frame or a crop of it.

        Args:
            frame (int): Index in the clip.
            box (tuple[int, int, int, int] | None): Top, left, height and
                width; the whole frame by default.

        Returns:
            np.ndarray: ``(height, width, 3)``, uint8, RGB, an array of its
            own.

        Raises:
            ValueError: If the frame or the box is not within the array.
        """
        count, full_height, full_width, _ = self.shape
        top, left, height, width = box or (0, 0, full_height, full_width)
        if not (0 <= frame < count and 0 <= top <= top + height <= full_height
                and 0 <= left <= left + width <= full_width):
            raise ValueError(f'{self.path}: frame {frame}, box {box} is not '
                             f'within the shape {self.shape}')
        rows = np.empty((height, full_width, 3), np.uint8)
        self._file.seek(self._start +
                        (frame * full_height + top) * full_width * 3)
        if self._file.readinto(rows.data) != rows.nbytes:
            raise ValueError(f'{self.path}: ends in frame {frame}')
        if width == full_width:
            return rows
        return np.ascontiguousarray(rows[:, left:left + width])

    def crc32(self) -> str:
        """CRC-32 of the pixels, 8 hexadecimal digits."""
        value = 0
        for frame in range(len(self)):
            value = zlib.crc32(self.read(frame), value)
        return f'{value:08x}'


@lru_cache(maxsize=256)
def _parse_header(text: bytes) -> Tuple[int, int, int, int]:
    """Shape in an ``.npy`` header; parsing takes longer than reading, and
    clips of one size and length have one header."""
    header = ast.literal_eval(text.decode('latin1'))
    kind = header['descr'], header['fortran_order']
    shape = header['shape']
    if kind != ('|u1', False) or len(shape) != 4 or shape[3] != 3:
        raise ValueError(f'type {kind[0]}, shape {shape}')
    return shape


def write_array(
        folder: str,
        on_frame: Callable[[], None] = lambda: None) -> Dict[str, object]:
    """Make the array of a clip's folder of frames, whole or not at all.

    Args:
        folder (str): The clip's folder.
        on_frame (Callable[[], None]): Called after each frame; may raise to
            stop, then nothing is left.

    Returns:
        dict: ``bytes`` of the file and ``crc32`` of its pixels.

    Raises:
        ValueError: If a frame is damaged or of another size; names it.
        OSError: If the array cannot be written.
    """
    path = array_path(folder)
    remove_array(folder)
    temporary = temporary_path(path)
    try:
        with open(temporary, 'wb') as file:
            crc = _write_frames(file, list_frames(folder), on_frame)
            # In its place only when it is on the disk.
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        remove_temporary(folder)
        if isinstance(error, OSError):  # a full disk has no name by itself
            error.filename = error.filename or path
        raise
    return dict(bytes=osp.getsize(path), crc32=f'{crc:08x}')


def temporary_path(path: str) -> str:
    """Where an array is built; hidden, so that nothing takes it for whole."""
    folder, name = osp.split(path)
    return osp.join(folder, f'.{name}.tmp')


def remove_array(folder: str) -> None:
    """Remove the array of a clip's folder, whole or not."""
    path = array_path(folder)
    if osp.isdir(path):
        raise ValueError(f'{path}: is a folder, where the array of the clip '
                         f'{osp.basename(folder)} would stand; rename one of '
                         'the two clips')
    if osp.exists(path):
        os.remove(path)
    remove_temporary(folder)


def remove_temporary(folder: str) -> None:
    """Remove what a killed run left of a clip's array."""
    path = temporary_path(array_path(folder))
    if osp.exists(path):
        os.remove(path)


def _write_frames(file, paths: List[str], on_frame: Callable[[], None]) -> int:
    """Write header and frames; return the pixels' CRC-32."""
    shape, crc = None, 0
    for path in paths:
        image = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB)
        if shape is None:
            shape = image.shape
            npy.write_array_header_1_0(
                file,
                dict(
                    descr='|u1',
                    fortran_order=False,
                    shape=(len(paths), *shape)))
        if image.shape != shape:
            raise ValueError(
                f'{path}: is {image.shape[1]}x{image.shape[0]}, the clip\'s '
                f'first frame {shape[1]}x{shape[0]}')
        file.write(image.data)
        crc = zlib.crc32(image, crc)
        on_frame()
    return crc


def same_arrays(folders: Sequence[str], known: Dict[str, dict]) -> bool:
    """Whether the arrays of these folders are there, by their sizes.

    Args:
        folders (Sequence[str]): A clip's folders of frames.
        known (dict[str, dict]): Folder's parent name ('HR') to what
            :func:`write_array` returned for it.
    """
    for folder in folders:
        path = array_path(folder)
        wanted = known.get(osp.basename(osp.dirname(folder)), {})
        if not osp.isfile(path) or osp.getsize(path) != wanted.get('bytes'):
            return False
    return True
