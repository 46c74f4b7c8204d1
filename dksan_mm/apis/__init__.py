# Copyright (c) DKSAN-MM contributors.
"""Python API of video super-resolution."""

from dksan_mm.inference.restore_video import restore_video
from dksan_mm.inference.streaming import restore_frames
from dksan_mm.inference.video_copy import Report
from .models import init_model
from .released import load_model

__all__ = [
    'Report', 'init_model', 'load_model', 'restore_frames', 'restore_video'
]
