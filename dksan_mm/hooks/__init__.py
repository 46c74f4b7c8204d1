# Copyright (c) DKSAN-MM contributors.
"""What happens beside training: checkpoints, files of results."""
from .checkpoints import PlainCheckpointHook
from .results import ResultsFileHook

__all__ = ['PlainCheckpointHook', 'ResultsFileHook']
