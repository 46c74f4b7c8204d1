# Copyright (c) DKSAN-MM contributors.
"""What happens beside training: checkpoints, files of results."""
from .checkpoints import PlainCheckpointHook
from .progressive import ProgressiveScaleHook
from .results import ResultsFileHook

__all__ = ['PlainCheckpointHook', 'ProgressiveScaleHook', 'ResultsFileHook']
