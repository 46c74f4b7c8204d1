# Copyright (c) DKSAN-MM contributors.
"""Video extreme super-resolution (x16) with DKSAN, on mmagic."""

__version__ = '0.1.0'
