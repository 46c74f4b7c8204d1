# Copyright (c) DKSAN-MM contributors.
"""Data sets, samplers and transforms; importing it registers them."""

from dksan_mm.versions import check_openmmlab

check_openmmlab()

from .clip_windows import StackWindows
from .samplers import SeededInfiniteSampler
from .transforms import (CheckFrames, GenerateWindowIndices, LoadFrames,
                         LoadPairedCrop)
from .vsr_datasets import IntVIDDataset, Vid3oCDataset, VideoWindowDataset
from .windows import window_indices

__all__ = [
    'CheckFrames', 'GenerateWindowIndices', 'IntVIDDataset', 'LoadFrames',
    'LoadPairedCrop', 'SeededInfiniteSampler', 'StackWindows', 'Vid3oCDataset',
    'VideoWindowDataset', 'window_indices'
]
