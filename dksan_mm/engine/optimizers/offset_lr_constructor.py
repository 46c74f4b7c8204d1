# Copyright (c) DKSAN-MM contributors.
"""Parameter groups with separate learning rates for offset predictors."""

from typing import Any

from mmagic.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from .conv_muon import ConvMuon

# Parts of the names of convolutions that predict offsets.
OFFSET_PREDICTORS = ('image_offset', 'kernel_offset', 'conv_offset')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class OffsetLrConstructor(DefaultOptimWrapperConstructor):
    """Constructor with groups for offset predictors and a discriminator.

    ``paramwise_cfg=dict(offset_lr_mult=0.1)`` multiplies the learning rate of
    all convolutions that predict offsets: ``image_offset`` and
    ``kernel_offset`` of DKC layers, and ``conv_offset`` of the alignment.
    ``align_lr_mult`` applies only to the last of these and defaults to the
    same value. ``discriminator_lr_mult`` applies to the model's
    ``discriminator`` and defaults to 1.

    mmengine's ``custom_keys`` has the same effect, but creates a group for
    each of hundreds of parameters: the optimizer then updates tensors one by
    one, and each group is logged.

    Raises:
        ValueError: If the model has no trainable parameters, or a multiplier
            is negative.
    """

    def add_params(self,
                   params: list[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: int | float | None = None) -> None:
        """Add the groups of ``module`` to ``params``; mmengine calls it."""
        offset = self.paramwise_cfg.get('offset_lr_mult', 1.)
        align = self.paramwise_cfg.get('align_lr_mult', offset)
        discriminator = self.paramwise_cfg.get('discriminator_lr_mult', 1.)
        if min(offset, align, discriminator) < 0:
            raise ValueError(
                'offset_lr_mult, align_lr_mult and discriminator_lr_mult must '
                f'be >= 0, got {offset}, {align} and {discriminator}')
        kinds: dict[str, list[nn.Parameter]] = dict(
            rest=[], offset=[], align=[], discriminator=[])
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                kinds[_kind(name)].append(parameter)
        if not any(kinds.values()):
            raise ValueError(
                f'{type(module).__name__} has no parameter to train')
        # mmengine logs the learning rate of the first group.
        groups = [
            dict(params=kinds['rest']),
            self._group(kinds['offset'], offset),
            self._group(kinds['align'], align),
            self._group(kinds['discriminator'], discriminator)
        ]
        params.extend(group for group in groups if group['params'])

    def _group(self, parameters: list[nn.Parameter], factor: float) -> dict:
        group: dict[str, Any] = dict(params=parameters)
        if self.base_lr is not None:
            group['lr'] = self.base_lr * factor
        # Muon's steps are large even for zero-initialised weights with small
        # gradients: offsets left the frame. A discriminator has spectral
        # normalization anyway.
        if OPTIMIZERS.get(self.optimizer_cfg['type']) is ConvMuon:
            group['orthogonal'] = False
        return group


def _kind(name: str) -> str:
    """Return the kind of a parameter of this name."""
    if name.startswith('discriminator.'):
        return 'discriminator'
    if any(key in name for key in OFFSET_PREDICTORS):
        return 'align' if 'conv_offset' in name else 'offset'
    return 'rest'
