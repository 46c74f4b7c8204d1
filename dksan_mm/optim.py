# Copyright (c) DKSAN-MM contributors.
"""The optimizer's parameter groups, and the precision of its steps."""
from contextlib import contextmanager
from typing import Iterator, List, Optional, Union

import torch
from mmagic.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from mmengine.device import get_device
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from .muon import Muon

__all__ = ['BFloat16OptimWrapper', 'Muon', 'OffsetLrConstructor']

# Parts of the names of convolutions that predict offsets.
OFFSET_PREDICTORS = ('image_offset', 'kernel_offset', 'conv_offset')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class OffsetLrConstructor(DefaultOptimWrapperConstructor):
    """Two parameter groups: the offset predictors, and all the rest.

    ``paramwise_cfg=dict(offset_lr_mult=0.1)`` multiplies the learning rate of
    every convolution that predicts offsets (``image_offset`` and
    ``kernel_offset`` of a DKC layer, ``conv_offset`` of the alignment).

    mmengine's own ``custom_keys`` does the same with one group for each
    parameter, hundreds of them: the optimizer then updates tensor by tensor,
    and each is printed.

    Raises:
        ValueError: If the model has nothing to train, or the multiplier is
            negative.
    """

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: Optional[Union[int, float]] = None) -> None:
        """Add the groups of ``module`` to ``params`` (mmengine's hook)."""
        factor = self.paramwise_cfg.get('offset_lr_mult', 1.)
        if factor < 0:
            raise ValueError(f'offset_lr_mult must be >= 0, got {factor}')
        offsets, others = [], []
        for name, parameter in module.named_parameters():
            is_offset = any(key in name for key in OFFSET_PREDICTORS)
            if parameter.requires_grad:
                (offsets if is_offset else others).append(parameter)
        if not offsets and not others:
            raise ValueError(
                f'{type(module).__name__} has no parameter to train')
        # The first group's rate is the one that is logged.
        groups = [dict(params=others), dict(params=offsets)]
        if self.base_lr is not None:
            groups[1]['lr'] = self.base_lr * factor
        params.extend(group for group in groups if group['params'])


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """An ``OptimWrapper`` whose training steps run in bfloat16 autocast.

    On CPUs too, where mmengine's ``AmpOptimWrapper`` refuses to work; it
    scales the loss, which bfloat16, with float32's range, does not need.
    Weights, their gradients and the optimizer stay in float32, and so do
    validation and tests.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of a step's forward pass.

        Args:
            model (nn.Module): The model to train.
        """
        with super().optim_context(model), torch.autocast(
                get_device(), dtype=torch.bfloat16):
            yield
