# Copyright (c) DKSAN-MM contributors.
"""Bring the set-up's modules, which lie beside the tools, within reach."""

import sys
from pathlib import Path

# At the end: tools/test.py must not hide Python's own module of that name.
sys.path.append(str(Path(__file__).parents[2] / 'tools'))
