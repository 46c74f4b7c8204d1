# Copyright (c) DKSAN-MM contributors.
"""Optimizers and their wrappers, registered in mmagic on import."""
from .conv_muon import ConvMuon
from .offset_lr_constructor import OffsetLrConstructor
from .step_optim_wrapper import StepOptimWrapper

__all__ = ['ConvMuon', 'OffsetLrConstructor', 'StepOptimWrapper']
