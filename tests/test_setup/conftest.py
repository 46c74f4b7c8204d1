# Copyright (c) DKSAN-MM contributors.
"""Bring the set-up's modules within reach."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / 'tools' / 'setup'))
