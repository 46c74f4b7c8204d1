# Copyright (c) DKSAN-MM contributors.
"""Data sets, samplers and transforms; importing it registers them."""

from dksan_mm.utils.versions import check_openmmlab

check_openmmlab()

from .augmentation import RandomPermuteChannels
from .clip_windows import StackWindows
from .mmagic_transforms import PackFrames, RandomTransposeFrames
from .samplers import ConsecutiveSampler, SeededIndex, SeededInfiniteSampler
from .synthetic_motion import SyntheticMotion
from .transforms import (CheckFrames, GenerateWindowIndices, LoadFrames,
                         LoadPairedCrop)
from .vsr_datasets import IntVIDDataset, Vid3oCDataset, VideoWindowDataset
from .windows import window_indices

__all__ = [
    'CheckFrames', 'ConsecutiveSampler', 'GenerateWindowIndices',
    'IntVIDDataset', 'LoadFrames', 'LoadPairedCrop', 'PackFrames',
    'RandomPermuteChannels', 'RandomTransposeFrames', 'SeededIndex',
    'SeededInfiniteSampler', 'StackWindows', 'SyntheticMotion',
    'Vid3oCDataset', 'VideoWindowDataset', 'window_indices'
]
