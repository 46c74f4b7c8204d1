# Copyright (c) DKSAN-MM contributors.
"""New files and folders that replace nothing which is not ours.

What is being written has a hidden name that nobody can guess, is created
exclusively, and is moved to its place when it is whole.
"""
import errno
import glob
import itertools
import os
import os.path as osp
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from .locks import NO_LINKS, OPEN, try_lock

MAX_NAME = 255  # bytes, of nearly all file systems
END = '.dksan_mm.tmp'  # of the names of files that are being written
WINDOWS = os.name == 'nt'  # where open files cannot be moved
_RANDOM = 8  # hexadecimal digits
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK,
             errno.EACCES)
PART_NAME = re.compile(r'\.part(-[0-9]+)?(\.[A-Za-z0-9]{1,4})?$')

Created = TypeVar('Created')


@contextmanager
def replacing(path: str, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Write a file that appears at its path when it is whole.

    Args:
        path (str): The file to write, or to replace.
        sync (bool): Wait until the content is on the disk, so that a power
            cut leaves the old file or the new one.

    Yields:
        BinaryIO: To write to.

    Raises:
        OSError: If it cannot be written; what was at ``path`` stays.
    """
    handle, temporary = _new(path, END, _create)
    try:
        with open(handle, 'wb') as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
            if not WINDOWS:  # locked up to here
                os.replace(temporary, path)
        if WINDOWS:
            os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def reserve_file(path: str, end: str) -> str:
    """Create an empty file to be written by its name; return the name.

    Args:
        path (str): Where the file will be moved.
        end (str): How its name ends, such as '.mp4'.
    """
    handle, temporary = _new(path, end, _create)
    os.close(handle)
    return temporary


def new_folder(path: str) -> str:
    """Create an empty folder to be moved to a path later; return its name."""
    return _new(path, END, os.mkdir)[1]


def is_temporary(name: str) -> bool:
    """Return whether a name, without its folder, is of a file in writing."""
    form = rf'\..+\.[0-9a-f]{{{_RANDOM}}}{re.escape(END)}'
    return re.fullmatch(form, name, re.DOTALL) is not None


def _new(path: str, end: str,
         create: Callable[[str], Created]) -> tuple[Created, str]:
    folder, name = osp.split(path)
    head = os.fsencode(name)[:_max_name(folder) - _RANDOM - len(end) - 2]
    while True:
        middle = f'.{secrets.token_hex(_RANDOM // 2)}{end}'
        temporary = osp.join(folder,
                             f'.{head.decode("utf-8", "ignore")}{middle}')
        try:
            return create(temporary), temporary
        except FileExistsError:
            pass


def _max_name(folder: str) -> int:
    try:
        return os.pathconf(folder or '.', 'PC_NAME_MAX')
    except (AttributeError, OSError, ValueError):
        return MAX_NAME


def _create(path: str) -> int:
    handle = os.open(path, os.O_CREAT | os.O_EXCL | OPEN, 0o666)
    try_lock(handle)  # shows other runs that it is no leftover
    return handle


def move_new(temporary: str, path: str) -> None:
    """Move a file or folder to a path where nothing is.

    Raises:
        FileExistsError: If something is there (an empty folder is not).
    """
    if osp.isdir(temporary):
        return _move_folder(temporary, path)
    if WINDOWS:  # where this replaces nothing
        os.rename(temporary, path)
        return
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (AttributeError, NotImplementedError, OSError) as error:
        # A file system, or a system, without hard links.
        if getattr(error, 'errno', None) not in (None, *_NO_LINKS):
            raise
        os.close(_create(path))  # nobody else can have it from here on
        os.replace(temporary, path)
        return
    os.remove(temporary)


def _move_folder(temporary: str, path: str) -> None:
    # The system replaces an empty folder, and nothing else.
    try:
        if WINDOWS and osp.isdir(path):
            os.rmdir(path)
        os.rename(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST),
                                  path) from error
        raise


def move_to_free_name(temporary: str, names: Iterator[str]) -> str:
    """Move a file or folder to the first of some paths where nothing is."""
    for path in names:
        if osp.lexists(path):
            continue
        try:
            move_new(temporary, path)
            return path
        except FileExistsError:
            pass
    raise ValueError(f'{temporary}: no free name to move it to')


def part_names(path: str) -> Iterator[str]:
    """Names for what is done of an output that is not whole.

    Args:
        path (str): The output.

    Yields:
        str: ``a.part.mp4`` of ``a.mp4``, then ``a.part-2.mp4`` and so on; of
        a folder ``a`` ``a.part``. Longer names are cut off.
    """
    folder, name = osp.split(path)
    stem, suffix = osp.splitext(name)
    if not re.fullmatch(r'\.[A-Za-z0-9]{1,4}', suffix):
        stem, suffix = name, ''
    for number in itertools.count(1):
        end = ('.part' if number == 1 else f'.part-{number}') + suffix
        head = os.fsencode(stem)[:_max_name(folder) - len(end)]
        yield osp.join(folder, os.fsdecode(head) + end)


def is_special(path: str) -> bool:
    """Return whether a path is there and is no file or folder to replace.

    Also links of the system, such as ``/dev/stdout``: what replaces them
    would not go where they lead.
    """
    if not osp.lexists(path):
        return False
    folder = osp.join(osp.realpath(osp.dirname(osp.abspath(path))), '')
    if folder == '/dev/' or folder.startswith(('/dev/fd/', '/proc/', '/sys/')):
        return True
    return osp.exists(path) and not (osp.isfile(path) or osp.isdir(path))


def remove(path: str) -> None:
    """Remove a file if it is there."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def find_leftovers(folder: str, names: str = '.*') -> list[str]:
    """Files that killed runs were writing in a folder.

    Args:
        folder (str): The folder.
        names (str): Regular expression of the names that they would have got.

    Returns:
        list[str]: Paths of those that no run is writing now, as their locks
        tell.
    """
    ours = re.compile(rf'\.(?:{names})\.[0-9a-f]{{{_RANDOM}}}{re.escape(END)}')
    found = glob.glob(osp.join(glob.escape(folder), f'.*{END}'))
    return sorted(
        path for path in found
        if ours.fullmatch(osp.basename(path)) and _is_left(path))


def remove_leftovers(folder: str, names: str = '.*') -> None:
    """Remove what :func:`find_leftovers` finds."""
    for path in find_leftovers(folder, names):
        remove(path)


def _is_left(path: str) -> bool:
    try:
        handle = os.open(path, OPEN | NO_LINKS)
    except OSError:
        return False
    try:
        return try_lock(handle) is True
    finally:
        os.close(handle)
