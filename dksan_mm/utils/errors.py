# Copyright (c) DKSAN-MM contributors.
"""The error that a user can act on."""


class UserError(Exception):
    """One sentence for the user; the tools print it and nothing else."""
