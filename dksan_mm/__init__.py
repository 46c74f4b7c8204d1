# Copyright (c) DKSAN-MM contributors.
"""Video extreme super-resolution (x16) with DKSAN, on mmagic."""

from dksan_mm.versions import check_torch

__version__ = '0.1.0'

check_torch()
