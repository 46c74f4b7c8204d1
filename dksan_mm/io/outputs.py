# Copyright (c) DKSAN-MM contributors.
"""Output files, which replace existing files only on request."""
import os
import os.path as osp
from collections.abc import Callable

from dksan_mm.utils.errors import UserError
from .files import is_special, move_new, remove, reserve_file


def check_output(path: str | None, *, overwrite: bool) -> None:
    """Check that an output can be written before any work is done.

    Args:
        path (str, optional): Path of the output; None passes the check.
        overwrite (bool): Whether an existing file may be replaced.

    Raises:
        UserError: If the file exists and may not be replaced or is not a
            regular file, or if its folder does not exist or is not writable.
    """
    if path is None:
        return
    parent = osp.dirname(osp.abspath(path))
    if not osp.isdir(parent):
        raise UserError(f'there is no folder {osp.dirname(path)}')
    if osp.isdir(path):
        raise UserError(f'{path} is a folder')
    if is_special(path):
        raise UserError(f'{path} is not a regular file')
    if osp.lexists(path) and not overwrite:
        raise UserError(f'{path} exists; use --overwrite to replace it')
    if not os.access(parent, os.W_OK):
        raise UserError(f'{parent} cannot be written to')


def write_output(path: str, write: Callable[[str], object], *,
                 overwrite: bool) -> None:
    """Write a file that appears at its path only when it is complete.

    Args:
        path (str): Path of the output.
        write (Callable): Writes the file at the given temporary path, which
            has the suffix of ``path``.
        overwrite (bool): Whether an existing file may be replaced.

    Raises:
        UserError: If the file cannot be written, or was created after
            :func:`check_output` and may not be replaced.
    """
    try:
        temporary = reserve_file(path, osp.splitext(path)[1])
        try:
            write(temporary)
            if overwrite:
                os.replace(temporary, path)
            else:
                move_new(temporary, path)
        finally:
            remove(temporary)
    except FileExistsError as error:
        raise UserError(f'{path} is not written: it has appeared in the '
                        'meantime; use --overwrite to replace it') from error
    except OSError as error:
        raise UserError(f'{path} is not written: '
                        f'{error.strerror or error}') from error
