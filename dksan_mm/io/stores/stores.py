# Copyright (c) DKSAN-MM contributors.
"""Forms of a clip from which a crop is read without decoding whole frames.

Next to the folder of a clip's frames, ``{clip}/``, is a file with the same
pixels: ``{clip}.npy`` (store 'array') or, of HR, ``{clip}.tiles`` (store
'tiles'; its LR, a 256th of the pixels, stays an array). These files can be
deleted at any time; training then decodes the frames.

Chosen by measurement: ``python tools/benchmark_stores.py``, training samples a
second of one core, MB and milliseconds to write an HR frame of 1920x1072. All
forms are lossless. Left: sample clips, mirrored to 1080p. Right, ``DATA``: a
1080p video of traffic. Vid3oC: 66 x 120 frames like the left ones.

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

Two busy cores; coded frames in memory, so that reading the disk is not in it.
An array's crop is 3 MB to read (its rows), that of tiles 0.2 MB: where the
arrays do not fit in memory, tiles are the better choice. JPEG XL has no
encoder among the dependencies.
"""
import os
import os.path as osp
import re
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import cv2
from numpy.typing import NDArray

from dksan_mm.io.files import find_leftovers, replacing
from dksan_mm.io.images import read_image
from dksan_mm.io.layout import HR_DIR, list_frames
from .arrays import FrameArray, write_array
from .tiles import TileFile, write_tiles

Store = FrameArray | TileFile
# Suffix: how to open and how to write; the quicker first.
KINDS: dict[str, tuple[Callable[[str], Store], Callable[..., None]]]
KINDS = {'.npy': (FrameArray, write_array), '.tiles': (TileFile, write_tiles)}


def suffix_of(folder: str, store: str) -> str:
    """Suffix of a clip's file.

    Args:
        folder (str): The clip's folder, in ``HR`` or ``LRx16``.
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
        path (str): As from :func:`store_path`.

    Returns:
        FrameArray | TileFile: Both have ``shape``, ``read`` and ``close``.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged; names the path.
    """
    return KINDS[osp.splitext(path)[1]][0](path)


def write_store(
        folder: str,
        suffix: str,
        on_frame: Callable[[], None] = lambda: None) -> dict[str, object]:
    """Make the file of a clip's folder of frames, whole or not at all.

    Args:
        folder (str): The clip's folder.
        suffix (str): Of :data:`KINDS`.
        on_frame (Callable[[], None]): Called after each frame; may raise to
            stop, then nothing is left.

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
            KINDS[suffix][1](file, _read_rgb(frames, on_frame), len(frames))
    except OSError as error:  # a full disk has no name by itself
        error.filename = error.filename or path
        raise
    return dict(bytes=osp.getsize(path), crc32=large_file_crc32(path))


def _read_rgb(paths: list[str],
              on_frame: Callable[[], None]) -> Iterator[NDArray[Any]]:
    """Frames of one size."""
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


def large_file_crc32(path: str) -> str:
    """CRC-32 of a file's bytes, 8 hexadecimal digits, read in parts."""
    value = 0
    with open(path, 'rb') as file:
        while True:
            part = file.read(1 << 24)
            if not part:
                return f'{value:08x}'
            value = zlib.crc32(part, value)


def unfinished_paths(path: str) -> list[str]:
    """List what killed runs have left of a file, under hidden names."""
    folder, name = osp.split(path)
    return find_leftovers(folder or '.', re.escape(name))


def _refuse_folder(folder: str, path: str) -> None:
    if osp.isdir(path):
        raise ValueError(f'{path}: is a folder, where the file of the clip '
                         f'{osp.basename(folder)} would stand; rename one of '
                         'the two clips')


def remove_stores(folder: str, stated: Collection[str] = ()) -> None:
    """Remove the files of a clip's folder, whole or not.

    Args:
        folder (str): The clip's folder.
        stated (Collection[str]): Suffixes of files that are known to be
            prepared ones; others go if they are of such a kind.
    """
    for suffix in KINDS:
        path = store_path(folder, suffix)
        # A folder is another clip.
        if osp.isfile(path) and (suffix in stated or is_store(path)):
            os.remove(path)
    remove_temporary(folder)


def is_store(path: str) -> bool:
    """Return whether a file is a clip's frames, by its header and size."""
    try:
        open_store(path).close()
    except (OSError, ValueError):
        return False
    return True


def remove_temporary(folder: str) -> None:
    """Remove what a killed run left of a clip's files."""
    for suffix in KINDS:
        for path in unfinished_paths(store_path(folder, suffix)):
            os.remove(path)


def is_as_stated(path: str, stated: dict[str, object]) -> bool:
    """Return whether a file is there, by its size.

    Args:
        path (str): The file.
        stated (dict): What :func:`write_store` returned for it.
    """
    return osp.isfile(path) and osp.getsize(path) == stated['bytes']
