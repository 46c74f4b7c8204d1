# Copyright (c) DKSAN-MM contributors.
"""Names on disk: ``{root}/{train,val,test}/{HR,LRx16}/{clip}/%06d.png``."""
import os
import os.path as osp
import re
from collections.abc import Iterable

SPLITS = ('train', 'val', 'test')
HR_DIR = 'HR'
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.tif', '.tiff',
                  '.bmp', '.webp', '.avif')
VIDEO_SUFFIXES = ('.mp4', '.mkv', '.webm', '.avi', '.mov', '.m4v', '.y4m',
                  '.mts', '.m2ts', '.m2t', '.ts', '.tp', '.trp', '.mpg',
                  '.mpeg', '.mpe', '.m1v', '.m2v', '.mp2v', '.vob', '.mod',
                  '.tod', '.3gp', '.3g2', '.ogv', '.ogm', '.wmv', '.asf',
                  '.flv', '.f4v', '.divx', '.mxf', '.dv', '.qt', '.mjpeg',
                  '.mjpg', '.rm', '.rmvb', '.nut', '.h264', '.264', '.h265',
                  '.265', '.hevc', '.ivf', '.gif', '.apng')


def lr_dir(scale: int) -> str:
    """Name of the folder that holds the LR clips of one scale."""
    return f'LRx{scale}'


def frame_number(path: str) -> int | None:
    """Last number in a frame's name: 19 for ``050_000019.png``.

    Args:
        path (str): A frame's path.

    Returns:
        int | None: The number, None if the name has no digits.
    """
    digits = re.findall(r'[0-9]+', osp.splitext(osp.basename(path))[0])
    return int(digits[-1]) if digits else None


def list_clips(folder: str) -> list[str]:
    """Names of the clip folders in ``folder``, sorted; hidden ones left out.

    Args:
        folder (str): A folder of clip folders.

    Returns:
        list[str]: Folder names (dots, spaces and any letters are fine).
    """
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries
                      if e.is_dir() and not e.name.startswith('.'))


def number_frames(folder: str,
                  prefix: str = '',
                  *,
                  names: Iterable[str] | None = None) -> dict[int, str]:
    """Paths of a clip's frames by the last number in their names.

    Files that are not images and hidden files are ignored.

    Args:
        folder (str): A clip's folder.
        prefix (str): Take only files whose names begin with it.
        names (Iterable[str], optional): The files' names, if known.

    Returns:
        dict[int, str]: In the order of the numbers, so that ``frame_10``
        follows ``frame_9``; empty for a folder without frames.

    Raises:
        ValueError: If a frame has no number, or two have the same.
    """
    paths: dict[int, str] = {}
    for name in sorted(os.listdir(folder) if names is None else names):
        if not name.lower().endswith(IMAGE_SUFFIXES) or name[0] == '.':
            continue
        if not name.startswith(prefix):
            continue
        path = osp.join(folder, name)
        number = frame_number(name)
        if number is None:
            raise ValueError(f'{path}: no frame number in the name')
        if number in paths:
            raise ValueError(f'{path}: same frame number as {paths[number]}')
        paths[number] = path
    return dict(sorted(paths.items()))


def list_frames(folder: str,
                prefix: str = '',
                *,
                names: Iterable[str] | None = None) -> list[str]:
    """Paths of a clip's frames in temporal order, none missing.

    Args:
        folder (str): A clip's folder.
        prefix (str): Take only files whose names begin with it.
        names (Iterable[str], optional): The files' names, if known.

    Returns:
        list[str]: Paths, empty for a folder without frames.

    Raises:
        ValueError: As :func:`number_frames`, or if a number is missing in
            between: a wrong neighbour would go unnoticed later.
    """
    paths = number_frames(folder, prefix, names=names)
    for before, after in zip(paths, list(paths)[1:]):
        if after != before + 1:
            raise ValueError(f'{folder}: frame {before + 1} is missing (after '
                             f'{osp.basename(paths[before])} comes '
                             f'{osp.basename(paths[after])})')
    return list(paths.values())


def read_annotation(path: str) -> dict[str, int | None]:
    """Read which clips a data set has.

    Args:
        path (str): A text file with a line for each clip: its name and, if a
            tab follows, its number of frames.

    Returns:
        dict[str, int | None]: Clip name to its number of frames, if stated.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a name would leave its folder, or a number is none.
    """
    stated: dict[str, int | None] = {}
    with open(path, encoding='utf-8-sig') as file:
        for line in filter(str.strip, file):
            name, *frames = line.rstrip('\r\n').split('\t')
            if osp.basename(name) != name or name in ('.', '..'):
                raise ValueError(f'{path}: {name!r} is not a clip name')
            if frames and not frames[0].isdecimal():
                raise ValueError(f'{path}: {frames[0]!r} after the clip '
                                 f'{name} is not a number of frames')
            stated[name] = int(frames[0]) if frames else None
    return stated
