# Copyright (c) DKSAN-MM contributors.
"""Losses in addition to those of mmagic."""
from .motion_loss import motion_loss, watch_offsets

__all__ = ['motion_loss', 'watch_offsets']
