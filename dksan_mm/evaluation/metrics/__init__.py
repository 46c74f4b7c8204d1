# Copyright (c) DKSAN-MM contributors.
"""Metrics per video, registered in mmagic on import."""

from .naturalness import VideoNIQE
from .perceptual import VideoLPIPS, VideoSTLPIPS
from .similarity import VideoPSNR, VideoSSIM
from .temporal import VideoTemporalError
from .video_metric import VideoMetric, frame_name
from .video_quality import VideoCVVDP

__all__ = [
    'VideoCVVDP', 'VideoLPIPS', 'VideoMetric', 'VideoNIQE', 'VideoPSNR',
    'VideoSSIM', 'VideoSTLPIPS', 'VideoTemporalError', 'frame_name'
]
