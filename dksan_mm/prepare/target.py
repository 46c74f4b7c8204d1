# Copyright (c) DKSAN-MM contributors.
"""The folder that a run prepares: one run at a time, no empty folders left."""
import os
import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager

from dksan_mm.io.layout import HR_DIR, SPLITS, lr_dir
from dksan_mm.io.locks import lock_file
from .writer import PARTIAL_DIR


@contextmanager
def open_target(out: str, scale: int) -> Iterator[None]:
    """Make the target folder and keep other runs away from it.

    Afterwards it is gone again if it was made for nothing, and so are folders
    of clips that none came into.

    Args:
        out (str): Root of the prepared data set.
        scale (int): HR pixels per LR pixel along each axis.

    Raises:
        ValueError: If another run is preparing the folder.
        OSError: If it cannot be made or written.
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
    """Keep a second run away from the same target, until this one ends.

    The system lets go of a killed run's lock; its file is taken over.
    """
    path = osp.join(out, '.prepare.lock')
    handle = lock_file(path)
    if handle is None:
        raise ValueError(f'{out}: another run is preparing this folder')
    try:
        yield
    finally:
        if not os.fstat(handle).st_size:  # else it is the user's
            os.remove(path)
        os.close(handle)


def _remove_empty_folders(out: str, scale: int) -> None:
    """Remove folders of clips that none came into."""
    for split in SPLITS:
        for name in (PARTIAL_DIR, HR_DIR, lr_dir(scale), ''):
            _remove_if_empty(osp.join(out, split, name))


def _remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass
