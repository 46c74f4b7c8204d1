# Copyright (c) DKSAN-MM contributors.
"""Video extreme super-resolution (x16) with DKSAN, on mmagic."""

from dksan_mm.utils.environment import name_user
from dksan_mm.utils.versions import check_torch

__version__ = '0.1.0'

name_user()  # before torch asks for it
check_torch()
