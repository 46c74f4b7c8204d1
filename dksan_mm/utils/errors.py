# Copyright (c) DKSAN-MM contributors.
"""What the tools say when the person in front of them has to act."""


class UserError(Exception):
    """One sentence for the user; the tools print it and nothing else."""
