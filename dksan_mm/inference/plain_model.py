# Copyright (c) DKSAN-MM contributors.
"""Model wrapper for :func:`restore_frames` without mmagic."""
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from dksan_mm import models
from dksan_mm.models.scales import choose_ensemble_scale, choose_scale
from .base import WholeWindowEvaluator
from .dksan_evaluator import DKSANEvaluator

EVALUATORS = dict(
    DKSANEvaluator=DKSANEvaluator, WholeWindowEvaluator=WholeWindowEvaluator)


class GreyLevels(nn.Module):
    """Normalization of a network's input.

    Args:
        mean (Sequence[float]): Means of R, G and B, which are subtracted.
        std (Sequence[float]): Divisors of the differences.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, values in (('mean', mean), ('std', std)):
            tensor = torch.tensor(values, dtype=torch.float32)
            self.register_buffer(name, tensor.view(-1, 1, 1), persistent=False)


class PlainModel(nn.Module):
    """Inference-only replacement of ``WindowVSR``.

    Its state dict and its output frames equal those of ``WindowVSR``.

    Args:
        config (dict): ``model`` section of a config.

    Raises:
        ValueError: If the network or evaluator is not from this package, or
            the network does not support ``test_cfg.scale``.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        networks = {name: getattr(models, name) for name in models.NETWORKS}
        self.generator = _build(config['generator'], networks)
        evaluator = config.get('evaluator')
        self.evaluator = evaluator and _build(evaluator, EVALUATORS,
                                              self.generator)
        test_cfg = config.get('test_cfg') or {}
        self.test_scale = choose_scale(self.generator, test_cfg.get('scale'))
        self.test_ensemble = test_cfg.get('ensemble') or False
        choose_ensemble_scale(self.generator, self.test_ensemble,
                              self.test_scale)  # rejects other values
        levels = config['data_preprocessor']
        self.data_preprocessor = GreyLevels(levels['mean'], levels['std'])
        self.inference_dtype = torch.float32


def _build(config: dict[str, Any], kinds: dict[str, type], *arguments:
           Any) -> Any:
    settings = dict(config)
    name = settings.pop('type')
    if name not in kinds:
        raise ValueError(f'{name} is none of {", ".join(kinds)}')
    return kinds[name](*arguments, **settings)
