# Copyright (c) DKSAN-MM contributors.
"""Hooks for checkpoints, checks during training and results files."""
from .checkpoints import AtomicBackend, AtomicCheckpointHook
from .divergence import DivergenceHook
from .offsets import OffsetMonitorHook
from .open_relus import OpenReLUsHook
from .plain_weights import PlainWeightsHook
from .progressive import ProgressiveScaleHook
from .results import ResultsFileHook

__all__ = [
    'AtomicBackend', 'AtomicCheckpointHook', 'PlainWeightsHook',
    'DivergenceHook', 'OffsetMonitorHook', 'OpenReLUsHook',
    'ProgressiveScaleHook', 'ResultsFileHook'
]
