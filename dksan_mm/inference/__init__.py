# Copyright (c) DKSAN-MM contributors.
"""Evaluation of a network; importing registers the evaluators in mmagic."""
from .base import WholeWindowEvaluator
from .dksan_evaluator import DKSANEvaluator

__all__ = ['DKSANEvaluator', 'WholeWindowEvaluator']
