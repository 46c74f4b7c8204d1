# Copyright (c) DKSAN-MM contributors.
"""Layout on disk: ``{root}/{train,val,test}/{HR,LRx16}/{clip}/%06d.png``."""
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
# Line of mmagic's and BasicSR's lists of clips.
_META_INFO = re.compile(r'(.+) ([0-9]+) \([0-9]+, ?[0-9]+, ?[0-9]+\)\s*')


def lr_dir(scale: int) -> str:
    """Return the name of the folder of LR clips of a scale factor."""
    return f'LRx{scale}'


def frame_number(path: str) -> int | None:
    """Return the last number in a frame's name: 19 for ``050_000019.png``.

    Args:
        path (str): Path of a frame.

    Returns:
        int | None: The number; None if the name has no digits.
    """
    digits = re.findall(r'[0-9]+', osp.splitext(osp.basename(path))[0])
    return int(digits[-1]) if digits else None


def list_clips(folder: str) -> list[str]:
    """List the clip folders in a folder, sorted, without hidden ones.

    Args:
        folder (str): A folder of clip folders.

    Returns:
        list[str]: Folder names, which may hold any letters, dots and spaces.
    """
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries
                      if e.is_dir() and not e.name.startswith('.'))


def number_frames(folder: str,
                  prefix: str = '',
                  *,
                  names: Iterable[str] | None = None) -> dict[int, str]:
    """Map frame numbers, the last in a name, to the paths of a clip's frames.

    Hidden files and files that are not images are ignored.

    Args:
        folder (str): Folder of the clip.
        prefix (str): Prefix of the files to take.
        names (Iterable[str], optional): Names of the files, if known.

    Returns:
        dict[int, str]: Sorted by number, so that ``frame_10`` follows
        ``frame_9``; empty for a folder without frames.

    Raises:
        ValueError: If a frame has no number, or two share one.
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
    """List the paths of a clip's frames in temporal order, without gaps.

    Args:
        folder (str): Folder of the clip.
        prefix (str): Prefix of the files to take.
        names (Iterable[str], optional): Names of the files, if known.

    Returns:
        list[str]: Paths; empty for a folder without frames.

    Raises:
        ValueError: As for :func:`number_frames`, or if a number is missing: a
            wrong neighbour would later go unnoticed.
    """
    paths = number_frames(folder, prefix, names=names)
    for before, after in zip(paths, list(paths)[1:]):
        if after != before + 1:
            raise ValueError(f'{folder}: frame {before + 1} is missing (after '
                             f'{osp.basename(paths[before])} comes '
                             f'{osp.basename(paths[after])})')
    return list(paths.values())


def read_annotation(path: str) -> dict[str, int | None]:
    """Read the clips of a data set from an annotation file.

    Args:
        path (str): A text file with one line per clip: its name and,
            optionally, a tab and its number of frames; or, as in mmagic's
            ``meta_info_*.txt``, name, number and shape of the frames:
            ``000 100 (720,1280,3)``.

    Returns:
        dict[str, int | None]: Number of frames, if stated, by clip name.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not UTF-8, a name leaves its folder, or a number
            is invalid; names the path.
    """
    stated: dict[str, int | None] = {}
    for line in filter(str.strip, _read_lines(path)):
        meta_info = _META_INFO.fullmatch(line)
        name, *frames = meta_info.groups() if meta_info else line.split('\t')
        if osp.basename(name) != name or name in ('.', '..'):
            raise ValueError(f'{path}: {name!r} is not a clip name; a line '
                             'names a folder of frames, not a file')
        if frames and not frames[0].isdecimal():
            raise ValueError(f'{path}: {frames[0]!r} after the clip '
                             f'{name} is not a number of frames')
        stated[name] = int(frames[0]) if frames else None
    return stated


def _read_lines(path: str) -> list[str]:
    try:
        with open(path, encoding='utf-8-sig') as file:
            return [line.rstrip('\r\n') for line in file]
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: is not a text in UTF-8') from error
