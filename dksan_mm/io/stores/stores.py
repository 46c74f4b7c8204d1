# Copyright (c) DKSAN-MM contributors.
"""Stores of a clip, from which a crop is read without decoding whole frames.

A store is a file with the same pixels next to the folder of a clip's frames,
``{clip}/``: ``{clip}.npy`` (store 'array') or, for HR, ``{clip}.tiles`` (store
'tiles'; LR has a 256th of the pixels and stays an array). The files can be
deleted at any time; training then decodes the frames.

Chosen by measurement with ``python tools/benchmark_stores.py``: training
samples per second of one core, and MB and milliseconds to write an HR frame of
1920x1072. All formats are lossless. Left: sample clips, mirrored to 1080p.
Right, ``DATA``: 1080p traffic. Vid3oC: 66 x 120 frames like the left ones.

================  =========  ====  =====  =======  =========  ====
form of HR        samples/s    MB  write   Vid3oC  samples/s    MB
================  =========  ====  =====  =======  =========  ====
PNG frames               25  1.76     87  13.9 GB         38  1.08
tiles of 128:
  PNG                   105  1.74     83  13.8 GB        175  1.12
  WebP                  168  0.86   1166   6.8 GB        237  0.54
  deltas, zlib          180  1.82     48  14.4 GB        279  1.18
  MagicYUV              189  1.71     56  13.5 GB        243  1.53
  QOI                   263  2.13     26  16.9 GB        389  1.66
store 'tiles'           272  1.23     57   9.7 GB        439  0.71
  of 64                 266  1.26     59  10.0 GB        389  0.73
  of 256                229  1.20     60   9.5 GB        360  0.69
store 'array'          1301  6.17      2  48.9 GB       1447  6.17
================  =========  ====  =====  =======  =========  ====

Two busy cores; coded frames in memory, so that disk reads do not count. A crop
of an array takes 3 MB of reads (full rows), a crop of tiles 0.2 MB: if the
arrays do not fit in memory, tiles are the better choice. No dependency has a
JPEG XL encoder.
"""
import os
import os.path as osp
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, BinaryIO, NamedTuple

import cv2
from numpy.typing import NDArray

from dksan_mm.io.files import find_leftovers, replacing
from dksan_mm.io.images import file_crc32, read_image
from dksan_mm.io.layout import HR_DIR, list_frames
from .arrays import FrameArray, write_array
from .tiles import TileFile, write_tiles

Store = FrameArray | TileFile


class Kind(NamedTuple):
    """Functions for one kind of store.

    Attributes:
        open (Callable): Opens the file at a path.
        write (Callable): Writes frames to an open file, given their number.
    """
    open: Callable[[str], Store]
    write: Callable[[BinaryIO, Iterator[NDArray[Any]], int], None]


# By suffix; the faster first.
KINDS = {
    '.npy': Kind(FrameArray, write_array),
    '.tiles': Kind(TileFile, write_tiles)
}


def suffix_of(folder: str, store: str) -> str:
    """Return the suffix of a clip's file.

    Args:
        folder (str): Folder of the clip, in ``HR`` or ``LRx16``.
        store (str): 'array' or 'tiles'.
    """
    is_hr = osp.basename(osp.dirname(osp.normpath(folder))) == HR_DIR
    return '.tiles' if store == 'tiles' and is_hr else '.npy'


def store_path(folder: str, suffix: str) -> str:
    """Return the path of the file next to a clip's folder."""
    return osp.normpath(folder) + suffix


def open_store(path: str) -> Store:
    """Open a clip's file by its suffix.

    Args:
        path (str): Result of :func:`store_path`.

    Returns:
        FrameArray | TileFile: Both have ``shape``, ``read`` and ``close``.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged; names the path.
    """
    return KINDS[osp.splitext(path)[1]].open(path)


def write_store(
        folder: str,
        suffix: str,
        on_frame: Callable[[], None] = lambda: None) -> dict[str, object]:
    """Write the store of a clip from its frames, completely or not at all.

    Args:
        folder (str): Folder of the clip.
        suffix (str): A key of :data:`KINDS`.
        on_frame (Callable[[], None]): Called after each frame; may raise to
            stop, which leaves no file.

    Returns:
        dict: ``bytes`` and ``crc32`` of the file.

    Raises:
        ValueError: If a frame is damaged or of another size; names it.
        OSError: If the file cannot be written.
    """
    path = store_path(folder, suffix)
    _refuse_folder(folder, path)
    frames = list_frames(folder)
    try:
        with replacing(path, sync=True) as file:
            images = _read_rgb(frames, on_frame)
            KINDS[suffix].write(file, images, len(frames))
    except OSError as error:  # the error of a full disk names no file
        error.filename = error.filename or path
        raise
    return dict(bytes=osp.getsize(path), crc32=file_crc32(path))


def _read_rgb(paths: list[str],
              on_frame: Callable[[], None]) -> Iterator[NDArray[Any]]:
    """Yield the frames as RGB and check that all have one size."""
    shape = None
    for path in paths:
        image = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2RGB)
        shape = shape or image.shape
        if image.shape != shape:
            raise ValueError(
                f'{path}: is {image.shape[1]}x{image.shape[0]}, the clip\'s '
                f'first frame {shape[1]}x{shape[0]}')
        yield image
        on_frame()


def unfinished_paths(path: str) -> list[str]:
    """List the unfinished versions of a file that killed runs left."""
    folder, name = osp.split(path)
    return find_leftovers(folder or '.', re.escape(name))


def _refuse_folder(folder: str, path: str) -> None:
    if osp.isdir(path):
        raise ValueError(f'{path}: is a folder, but the file of the clip '
                         f'{osp.basename(folder)} needs this name; rename one '
                         'of the two clips')


def remove_stores(folder: str, stated: Collection[str] = ()) -> None:
    """Remove the stores of a clip, complete or not.

    Args:
        folder (str): Folder of the clip.
        stated (Collection[str]): Suffixes of files known to be prepared ones;
            other files are removed only if their header is that of a store.
    """
    for suffix in KINDS:
        path = store_path(folder, suffix)
        # A folder of this name is another clip.
        if osp.isfile(path) and (suffix in stated or is_store(path)):
            os.remove(path)
    remove_temporary(folder)


def is_store(path: str) -> bool:
    """Return whether a file is a store, by its header and size."""
    try:
        open_store(path).close()
    except (OSError, ValueError):
        return False
    return True


def remove_temporary(folder: str) -> None:
    """Remove the unfinished stores of a clip that killed runs left."""
    for suffix in KINDS:
        for path in unfinished_paths(store_path(folder, suffix)):
            os.remove(path)


def is_as_stated(path: str, stated: dict[str, object]) -> bool:
    """Return whether a file exists with the stated size.

    Args:
        path (str): Path of the file.
        stated (dict): Result of :func:`write_store` for it.
    """
    return osp.isfile(path) and osp.getsize(path) == stated['bytes']
