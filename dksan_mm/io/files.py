# Copyright (c) DKSAN-MM contributors.
"""Writing of files and folders without replacing those of the user.

An unfinished file has a hidden, unpredictable name, is created exclusively,
and is moved to its path when it is complete.
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

MAX_NAME = 255  # bytes, on nearly all file systems
END = '.dksan_mm.tmp'  # suffix of unfinished files
WINDOWS = os.name == 'nt'  # where open files cannot be moved
_RANDOM = 8  # hexadecimal digits
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK,
             errno.EACCES)
PART_NAME = re.compile(r'\.part(-[0-9]+)?(\.[A-Za-z0-9]{1,4})?$')

Created = TypeVar('Created')


@contextmanager
def replacing(path: str, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Write a file that appears at its path only when it is complete.

    Args:
        path (str): The file to write or replace.
        sync (bool): Wait until the content is on the disk, so that after a
            power cut there is either the old or the new file.

    Yields:
        BinaryIO: File to write to.

    Raises:
        OSError: If the file cannot be written; ``path`` is unchanged then.
    """
    handle, temporary = _new(path, END, _create)
    try:
        with open(handle, 'wb') as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
            if not WINDOWS:  # keeps the lock until the file is moved
                os.replace(temporary, path)
        if WINDOWS:
            os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def reserve_file(path: str, end: str) -> str:
    """Create an empty file under a temporary name and return the name.

    Args:
        path (str): Path to which the file will be moved.
        end (str): Suffix of the temporary name, such as '.mp4'.
    """
    handle, temporary = _new(path, end, _create)
    os.close(handle)
    return temporary


def new_folder(path: str) -> str:
    """Create an empty folder under a temporary name and return the name."""
    return _new(path, END, os.mkdir)[1]


def is_temporary(name: str) -> bool:
    """Return whether a name without its folder is of an unfinished file."""
    form = rf'\..+\.[0-9a-f]{{{_RANDOM}}}{re.escape(END)}'
    return re.fullmatch(form, name, re.DOTALL) is not None


def _new(path: str, end: str,
         create: Callable[[str], Created]) -> tuple[Created, str]:
    folder, name = osp.split(path)
    head = _shorten(name, _max_name(folder) - _RANDOM - len(end) - 2)
    while True:
        token = secrets.token_hex(_RANDOM // 2)
        temporary = osp.join(folder, f'.{head}.{token}{end}')
        try:
            return create(temporary), temporary
        except FileExistsError:
            pass


def _max_name(folder: str) -> int:
    try:
        return os.pathconf(folder or '.', 'PC_NAME_MAX')
    except (AttributeError, OSError, ValueError):
        return MAX_NAME


def _shorten(name: str, length: int) -> str:
    """Return the longest start of a name that takes no more bytes."""
    while len(os.fsencode(name)) > length:
        name = name[:-1]
    return name


def _create(path: str) -> int:
    handle = os.open(path, os.O_CREAT | os.O_EXCL | OPEN, 0o666)
    try_lock(handle)  # shows other runs that it is not a leftover
    return handle


def move_new(temporary: str, path: str) -> None:
    """Move a file or folder to a path that does not exist.

    Raises:
        FileExistsError: If it exists; an empty folder may be replaced.
    """
    if osp.isdir(temporary):
        return _move_folder(temporary, path)
    if WINDOWS:  # where a rename replaces nothing
        os.rename(temporary, path)
        return
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (AttributeError, NotImplementedError, OSError) as error:
        # The file system or operating system has no hard links.
        if getattr(error, 'errno', None) not in (None, *_NO_LINKS):
            raise
        os.close(_create(path))  # claims the path
        os.replace(temporary, path)
        return
    os.remove(temporary)


def _move_folder(temporary: str, path: str) -> None:
    # A rename replaces an empty folder, but nothing else.
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
    """Move a file or folder to the first of some paths that is free."""
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
    """Generate names for an incomplete output.

    Args:
        path (str): Path of the output.

    Yields:
        str: For ``a.mp4``, ``a.part.mp4``, ``a.part-2.mp4`` and so on; for a
        folder ``a``, ``a.part`` and so on. Long names are truncated.
    """
    folder, name = osp.split(path)
    stem, suffix = osp.splitext(name)
    if not re.fullmatch(r'\.[A-Za-z0-9]{1,4}', suffix):
        stem, suffix = name, ''
    for number in itertools.count(1):
        end = ('.part' if number == 1 else f'.part-{number}') + suffix
        head = _shorten(stem, _max_name(folder) - len(end))
        yield osp.join(folder, head + end)


def is_special(path: str) -> bool:
    """Return whether a path exists and is neither a file nor a folder.

    This includes links such as ``/dev/stdout``: replacing the link would not
    write to what it points to.
    """
    if not osp.lexists(path):
        return False
    folder = osp.join(osp.realpath(osp.dirname(osp.abspath(path))), '')
    if folder == '/dev/' or folder.startswith(('/dev/fd/', '/proc/', '/sys/')):
        return True
    return osp.exists(path) and not (osp.isfile(path) or osp.isdir(path))


def remove(path: str) -> None:
    """Remove a file if it exists."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def remove_matching(folder: str, is_ours: Callable[[str], bool]) -> None:
    """Remove some files in a folder and its subfolders, then empty folders.

    Args:
        folder (str): Path of the folder, which need not exist.
        is_ours (Callable[[str], bool]): Function of a file name that returns
            whether to remove the file.
    """
    for place, _, names in os.walk(folder, topdown=False):
        for name in filter(is_ours, names):
            os.remove(osp.join(place, name))
        try:
            os.rmdir(place)
        except OSError:  # it holds other files
            pass


def find_leftovers(folder: str, names: str = '.*') -> list[str]:
    """List the unfinished files that killed runs left in a folder.

    Args:
        folder (str): Path of the folder.
        names (str): Regular expression of the names of the finished files.

    Returns:
        list[str]: Paths of the files that no running process holds a lock on.
    """
    ours = re.compile(rf'\.(?:{names})\.[0-9a-f]{{{_RANDOM}}}{re.escape(END)}')
    found = glob.glob(osp.join(glob.escape(folder), f'.*{END}'))
    return sorted(
        path for path in found
        if ours.fullmatch(osp.basename(path)) and _is_left(path))


def remove_leftovers(folder: str, names: str = '.*') -> None:
    """Remove the files that :func:`find_leftovers` lists."""
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
