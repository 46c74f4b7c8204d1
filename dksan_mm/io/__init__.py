# Copyright (c) DKSAN-MM contributors.
"""Files and frames on disk; the import is fast."""
