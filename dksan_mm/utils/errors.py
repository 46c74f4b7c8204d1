# Copyright (c) DKSAN-MM contributors.
"""Errors that a user can act on."""
import os


class UserError(Exception):
    """An error for which the tools print its one sentence, no traceback."""


def name_file(error: Exception) -> str:
    """Return the file and the reason of a system error; '' if it has none."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{os.fsdecode(error.filename)}: {error.strerror}'
    return ''
