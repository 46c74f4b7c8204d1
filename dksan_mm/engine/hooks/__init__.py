# Copyright (c) DKSAN-MM contributors.
"""Hooks: checkpoints, checks of the training, files of results."""
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
