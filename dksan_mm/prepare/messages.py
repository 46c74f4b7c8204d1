# Copyright (c) DKSAN-MM contributors.
"""Sentences of a preparation for the user."""
import errno
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from dksan_mm.utils.errors import UserError


def explain(error: Exception) -> str:
    """Return one sentence that the user can act on.

    Args:
        error (Exception): Error of a clip, of the target or of a worker.

    Raises:
        Exception: ``error`` itself if it is a bug, which needs a traceback.
    """
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return f'{error.filename or "target"}: no space left on the disk'
        if error.strerror is None:  # one of our sentences
            return str(error)
        return f'{error.filename or ""}: {error.strerror}'
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(error, BrokenProcessPool):
        return 'a worker process died (out of memory?)'
    raise error


@contextmanager
def naming_wrong_input() -> Iterator[None]:
    """Turn the errors of a source or target into those of a user.

    Raises:
        UserError: For an ``OSError`` or ``ValueError`` inside the block.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise UserError(explain(error)) from error
