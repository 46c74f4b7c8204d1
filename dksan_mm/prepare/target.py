# Copyright (c) DKSAN-MM contributors.
"""The target folder: locked for one run, and without empty folders later."""
import os
import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager

from dksan_mm.io.layout import HR_DIR, SPLITS, lr_dir
from dksan_mm.io.locks import lock_file
from .writer import PARTIAL_DIR


@contextmanager
def open_target(out: str, scale: int) -> Iterator[None]:
    """Create the target folder and keep other runs away from it.

    On exit, the folder is removed if it stayed empty, and so are empty
    folders of clips.

    Args:
        out (str): Root of the prepared data set.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.

    Raises:
        ValueError: If another run is preparing the folder.
        OSError: If the folder cannot be created or written.
    """
    made = not osp.exists(out)
    os.makedirs(out, exist_ok=True)
    try:
        with _lock(out):
            try:
                yield
            finally:
                _remove_empty_folders(out, scale)
    finally:
        if made:
            _remove_if_empty(out)


@contextmanager
def _lock(out: str) -> Iterator[None]:
    """Keep a second run away from the same target until this one ends.

    The system releases the lock of a killed run; the lock file is reused.
    """
    path = osp.join(out, '.prepare.lock')
    handle = lock_file(path)
    if handle is None:
        raise ValueError(f'{out}: another run is preparing this folder')
    try:
        yield
    finally:
        if not os.fstat(handle).st_size:  # otherwise it is the user's file
            os.remove(path)
        os.close(handle)


def _remove_empty_folders(out: str, scale: int) -> None:
    """Remove empty folders of clips."""
    for split in SPLITS:
        for name in (PARTIAL_DIR, HR_DIR, lr_dir(scale), ''):
            _remove_if_empty(osp.join(out, split, name))


def _remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass
