# Copyright (c) DKSAN-MM contributors.
"""Errors that a user can act on."""
import os


class UserError(Exception):
    """Error that the tools print as one sentence, without a traceback."""


def name_file(error: Exception) -> str:
    """Return the file and the reason of a system error; '' if it has none."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{os.fsdecode(error.filename)}: {error.strerror}'
    return ''
