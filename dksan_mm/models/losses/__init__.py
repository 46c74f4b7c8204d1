# Copyright (c) DKSAN-MM contributors.
"""Losses in addition to those of mmagic."""
from .grid_loss import grid_loss
from .motion_loss import motion_loss, watch_offsets
from .perceptual_loss import STLPIPSLoss
from .temporal_loss import temporal_loss

__all__ = [
    'STLPIPSLoss', 'grid_loss', 'motion_loss', 'temporal_loss', 'watch_offsets'
]
