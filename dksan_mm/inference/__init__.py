# Copyright (c) DKSAN-MM contributors.
"""Evaluation of a network.

The evaluators are in mmagic's registry as soon as mmagic is imported. Nothing
here imports torch before it is asked for: the runner of exported networks,
:mod:`dksan_mm.inference.onnx`, does without.
"""
from importlib import import_module

from dksan_mm.utils.registration import register_module

__all__ = ['DKSANEvaluator', 'WholeWindowEvaluator']

_MODULES = dict(DKSANEvaluator='dksan_evaluator', WholeWindowEvaluator='base')


def __getattr__(name: str) -> type:
    if name in _MODULES:
        found: type = getattr(
            import_module(f'{__name__}.{_MODULES[name]}'), name)
        return found
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


# mmagic's registry imports them before it looks for a name.
for _module in _MODULES.values():
    register_module('TASK_UTILS', f'{__name__}.{_module}')
