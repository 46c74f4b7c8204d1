# Copyright (c) DKSAN-MM contributors.
"""Files and frames on disk; importing it is quick."""
