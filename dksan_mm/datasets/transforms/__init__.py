# Copyright (c) DKSAN-MM contributors.
"""Transforms of the data pipelines, registered in mmagic on import."""
from .augmentation import RandomPermuteChannels
from .clip_windows import StackWindows
from .formatting import PackFrames, RandomTransposeFrames
from .loading import (CheckFrames, GenerateWindowIndices, LoadFrames,
                      LoadPairedCrop)
from .synthetic_motion import SyntheticMotion
from .windows import window_indices

__all__ = [
    'CheckFrames', 'GenerateWindowIndices', 'LoadFrames', 'LoadPairedCrop',
    'PackFrames', 'RandomPermuteChannels', 'RandomTransposeFrames',
    'StackWindows', 'SyntheticMotion', 'window_indices'
]
