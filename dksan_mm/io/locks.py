# Copyright (c) DKSAN-MM contributors.
"""Locks that keep two runs from the same output; they end with the process.

Without ``filelock`` there are no locks, and still nothing is replaced.
"""
import errno
import hashlib
import os
import os.path as osp
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dksan_mm.utils.environment import user_number

if TYPE_CHECKING:
    from filelock import FileLock, Timeout, lock_descriptor
else:
    try:
        from filelock import FileLock, Timeout, lock_descriptor
    except ModuleNotFoundError:  # not needed to run exported networks
        FileLock = None

        def lock_descriptor(fd: int, *, blocking: bool) -> bool:
            """Stand-in for the function of filelock."""
            raise OSError(errno.ENOLCK, 'filelock is not installed')


# Flags to open a file for locking; not every system has all of them.
OPEN = os.O_RDWR | getattr(os, 'O_CLOEXEC', 0) | getattr(os, 'O_BINARY', 0)
NO_LINKS = getattr(os, 'O_NOFOLLOW', 0)


@contextmanager
def claimed(path: str) -> Iterator[None]:
    """Keep this user's other runs on this machine away from an output.

    The lock is in the folder for temporary files, not next to the output. A
    forked process, which may outlive its parent, does not hold it.

    Args:
        path (str): Path of the output.

    Raises:
        FileExistsError: If another run is writing it.
    """
    lock = _claim(path)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _claim(path: str) -> 'FileLock | None':
    if FileLock is None:
        return None
    try:
        lock = FileLock(
            _claim_file(path),
            mode=0o600,
            blocking=False,
            thread_local=False,  # another thread may close the generator
            fallback_to_soft=False)  # soft locks outlive a killed run
        lock.acquire()
    except Timeout:
        raise FileExistsError(
            f'{path} is being written by another run') from None
    except OSError:  # no place for locks: the later move replaces nothing
        return None
    return lock


def _claim_file(path: str) -> str:
    number = user_number()
    folder = osp.join(tempfile.gettempdir(), f'dksan_mm-{number}')
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    state = os.lstat(folder)
    of_others = number is not None and state.st_uid != number
    if of_others or not osp.isdir(folder) or osp.islink(folder):
        raise PermissionError(folder)
    parent, name = osp.split(osp.abspath(path))
    key = os.fsencode(osp.join(osp.realpath(parent), name))
    return osp.join(folder, f'{hashlib.sha256(key).hexdigest()[:32]}.lock')


def lock_file(path: str) -> int | None:
    """Lock a file in a folder of results and create it if it is missing.

    :class:`filelock.FileLock` would empty the file, which may be the user's,
    and its lock would end with the parent of forked processes still writing.

    Args:
        path (str): Path of the file; links are not followed.

    Returns:
        int | None: The open file, whose lock ends when it is closed; None if
        another run holds the lock.

    Raises:
        OSError: If it cannot be opened, or its file system has no locks.
    """
    handle = os.open(path, os.O_CREAT | OPEN | NO_LINKS, 0o666)
    try:
        # Not a file that another run has just removed.
        if lock_descriptor(handle, blocking=False) and _is_at(path, handle):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _is_at(path: str, handle: int) -> bool:
    try:
        return osp.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def try_lock(handle: int) -> bool | None:
    """Lock an open file; False if it is locked, None if locks fail."""
    try:
        return lock_descriptor(handle, blocking=False)
    except OSError:
        return None
