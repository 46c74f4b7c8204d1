# Copyright (c) DKSAN-MM contributors.
"""Checks of output paths before anything is written."""
import errno
import os
import os.path as osp
import re
from collections.abc import Sequence

from dksan_mm.io.files import is_special
from dksan_mm.io.layout import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dksan_mm.io.listing import check_reachable
from .base import Source

# Containers that hold H.264 and store the time of each frame.
H264_SUFFIXES = ('.mp4', '.mkv', '.mov', '.m4v')
MAX_SIDE = 16384  # limit of x264
OUR_NAME = re.compile(r'[0-9]{6,}\.png')


def is_video(path: str | os.PathLike[str]) -> bool:
    """Return whether a target is a video file, tagged with its colours."""
    return os.fspath(path).lower().endswith(H264_SUFFIXES)


def is_image(path: str) -> bool:
    """Return whether an output path is that of a single image."""
    return path.lower().endswith('.png') and not osp.isdir(path)


def check_target(path: str | os.PathLike[str],
                 *,
                 overwrite: bool = False) -> None:
    """Reject a target that cannot be written, or should not.

    Args:
        path (str | PathLike): See :func:`open_writer`.
        overwrite (bool): Whether the target may exist. A folder may then
            only hold frames that this package wrote.

    Raises:
        FileExistsError: If it exists, or is a file instead of a folder.
        FileNotFoundError: If its parent folder does not exist.
        OSError: If its name is too long, or its parent folder is not
            writable.
        ValueError: If its suffix is not supported.
    """
    path = os.fspath(path)
    path = path.rstrip(os.sep) or path
    _check_name(path)
    _check_parent(path)
    if is_special(path):
        raise ValueError(f'{path} is not a regular file')
    _check_existing(path, overwrite)
    check_folder(path)


def _check_name(path: str) -> None:
    """Refuse names that are none, and suffixes that are not supported."""
    if not path:
        raise ValueError('the output has no name')
    if path == '-':
        raise ValueError('-: the standard output cannot be a target; name a '
                         'file or a folder')
    suffix = osp.splitext(path)[1].lower()
    known = {*VIDEO_SUFFIXES, *IMAGE_SUFFIXES, '.gif', '.bmp', '.tif', '.tiff'}
    if suffix in known - {*H264_SUFFIXES, '.png'} and not osp.isdir(path):
        raise ValueError(
            f'{path}: the output is a video ({", ".join(H264_SUFFIXES)}), an '
            'image (.png) or a folder of PNGs')


def _check_parent(path: str) -> None:
    """Refuse a target whose folder is missing or cannot be written."""
    parent = osp.dirname(path) or '.'
    check_reachable(parent)
    if not osp.isdir(parent):
        raise FileNotFoundError(f'there is no folder {parent} to write '
                                f'{osp.basename(path)} to')
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(f'the folder {parent} cannot be written to')


def _check_existing(path: str, overwrite: bool) -> None:
    """Refuse to replace a target, or to replace it by another kind."""
    suffix = osp.splitext(path)[1].lower()
    if osp.isdir(path) and suffix in H264_SUFFIXES:
        raise FileExistsError(f'{path} is a folder')
    if is_there(path) and not osp.isdir(path) and \
            suffix not in (*H264_SUFFIXES, '.png'):
        raise FileExistsError(
            f'{path} is not a folder, and is not replaced by '
            'one')
    if osp.ismount(path):
        raise ValueError(f'{path} is the root of a disk: name a folder in it')
    is_empty = osp.isdir(path) and not os.listdir(path)
    if is_there(path) and not overwrite and not is_empty:
        raise FileExistsError(f'{path} exists; use --overwrite to replace it')


def check_apart(inputs: Sequence[str], target: str | os.PathLike[str]) -> None:
    """Reject a target that is an input or a folder that holds one.

    Args:
        inputs (Sequence[str]): Input files.
        target (str | PathLike): Output path.

    Raises:
        ValueError: If the output would replace an input.
    """
    target = os.fspath(target)
    if not osp.exists(target):
        return
    for path in inputs:
        # A link counts as an input, and so does the file that it points to.
        places = [path]
        if osp.isdir(target):
            places += [
                osp.dirname(path) or '.',
                osp.dirname(osp.realpath(path))
            ]
        if any(osp.samefile(place, target) for place in places):
            raise ValueError(f'{target}: the output would replace the input')


def check_count(source: Source, target: str | os.PathLike[str]) -> None:
    """Reject a single image as the target of several frames.

    Args:
        source (Source): Source of the frames.
        target (str | PathLike): Output path.

    Raises:
        ValueError: If the source is known to have several frames.
    """
    target = os.fspath(target)
    if is_image(target) and len(source.inputs) > 1:
        raise ValueError(too_many(source, target))


def check_frame_size(path: str | os.PathLike[str], height: int,
                     width: int) -> None:
    """Reject frames that a video cannot hold.

    Args:
        path (str | PathLike): Output path; a folder or image holds all sizes.
        height (int): Height of the upscaled frames.
        width (int): Width of the upscaled frames.

    Raises:
        ValueError: If H.264 does not support the size; names the path.
    """
    path = os.fspath(path)
    if not is_video(path):
        return
    if max(height, width) > MAX_SIDE:
        raise ValueError(
            f'{path}: H.264 supports at most {MAX_SIDE} pixels per side, but '
            f'the frames are {width}x{height}; use a smaller scale or size, '
            'or name a folder, for PNGs')
    if height % 2 or width % 2:
        raise ValueError(
            f'{path}: a video needs even numbers of rows and columns, the '
            f'frames are {width}x{height}; name a folder, for PNGs')


def too_many(source: Source, target: str) -> str:
    """Return the message for more frames than one image holds."""
    return (f'{target} is one image, and {source.path} has more frames; name '
            'a folder or a video')


def check_folder(path: str) -> None:
    """Refuse to replace a folder that holds anything but our frames."""
    for name in os.listdir(path) if osp.isdir(path) else ():
        if not OUR_NAME.fullmatch(name) or osp.isdir(osp.join(path, name)):
            raise FileExistsError(f'{path} is not replaced: it holds {name}')


def is_there(path: str) -> bool:
    """Return whether a path exists, even as a dangling link.

    Raises:
        OSError: If the name is too long to exist.
    """
    try:
        os.lstat(path)
        return True
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise
