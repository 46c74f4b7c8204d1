# Copyright (c) DKSAN-MM contributors.
"""Parts that the command-line tools share."""
