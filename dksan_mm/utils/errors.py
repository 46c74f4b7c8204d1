# Copyright (c) DKSAN-MM contributors.
"""Error that a user can act on."""


class UserError(Exception):
    """An error for which the tools print its one sentence, no traceback."""
