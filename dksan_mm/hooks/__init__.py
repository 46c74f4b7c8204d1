# Copyright (c) DKSAN-MM contributors.
"""What happens beside training: checkpoints, files of results."""
from .checkpoints import AtomicBackend, AtomicCheckpointHook
from .results import ResultsFileHook

__all__ = ['AtomicBackend', 'AtomicCheckpointHook', 'ResultsFileHook']
