# Copyright (c) DKSAN-MM contributors.
"""Super-resolving videos from Python."""

from .frames import restore_frames
from .models import init_model
from .video import Report, restore_video

__all__ = ['Report', 'init_model', 'restore_frames', 'restore_video']
