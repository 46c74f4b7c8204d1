# Copyright (c) DKSAN-MM contributors.
"""Inference: evaluators, streaming, tiling and export.

The evaluators are registered in mmagic as soon as mmagic is imported. torch is
imported on demand, because the runner of exported networks,
:mod:`dksan_mm.inference.onnx`, works without it.
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


# mmagic's registry imports these modules before it looks up a name.
for _module in _MODULES.values():
    register_module('TASK_UTILS', f'{__name__}.{_module}')
