# Copyright (c) DKSAN-MM contributors.
"""Data sets, samplers and transforms, registered on import."""

from dksan_mm.utils.versions import check_openmmlab

check_openmmlab()

from .paper_sets import IntVIDDataset, Vid3oCDataset
from .samplers import ConsecutiveSampler, SeededIndex, SeededInfiniteSampler
from .transforms import (CheckFrames, GenerateWindowIndices, LoadFrames,
                         LoadPairedCrop, PackFrames, RandomPermuteChannels,
                         RandomTransposeFrames, StackWindows, SyntheticMotion,
                         window_indices)
from .video_window_dataset import VideoWindowDataset

__all__ = [
    'CheckFrames', 'ConsecutiveSampler', 'GenerateWindowIndices',
    'IntVIDDataset', 'LoadFrames', 'LoadPairedCrop', 'PackFrames',
    'RandomPermuteChannels', 'RandomTransposeFrames', 'SeededIndex',
    'SeededInfiniteSampler', 'StackWindows', 'SyntheticMotion',
    'Vid3oCDataset', 'VideoWindowDataset', 'window_indices'
]
