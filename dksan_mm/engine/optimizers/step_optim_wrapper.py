# Copyright (c) DKSAN-MM contributors.
"""Optimizer wrapper with one update per iteration."""
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmagic.registry import OPTIM_WRAPPERS
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from dksan_mm.utils.hardware import has_fast_bfloat16


@OPTIM_WRAPPERS.register_module()
class StepOptimWrapper(OptimWrapper):
    """mmengine's ``OptimWrapper`` with one update per iteration.

    mmengine accumulates gradients over iterations: run length, schedules and
    intervals then do not count updates, and a checkpoint may be saved between
    two updates. Here, the batch of an iteration is split into parts
    (:func:`dksan_mm.models.batch_parts.train_in_parts`) whose gradients are
    accumulated. All else is as without parts.

    mmengine's ``AmpOptimWrapper`` requires a GPU and also scales the loss in
    bfloat16, which has the range of float32.

    Args:
        optimizer (torch.optim.Optimizer): Optimizer.
        accumulative_counts (int): Number of parts of each batch.
        clip_grad (dict, optional): As in mmengine. The gradient norm is logged
            even without clipping.
        dtype (str, optional): ``'bfloat16'`` or ``'float16'`` for autocast,
            the latter with a dynamic loss scale. None: float32. ``'auto'``:
            bfloat16 on devices with hardware support, else float32
            (:func:`dksan_mm.utils.hardware.has_fast_bfloat16`).

    Raises:
        ValueError: If ``dtype`` has any other value.
    """

    def __init__(self,
                 optimizer: torch.optim.Optimizer,
                 accumulative_counts: int = 1,
                 clip_grad: dict | None = None,
                 *,
                 dtype: str | None = None) -> None:
        if dtype not in (None, 'auto', 'bfloat16', 'float16'):
            raise ValueError("dtype must be None, 'auto', 'bfloat16' or "
                             f"'float16', got {dtype!r}")
        super().__init__(optimizer, accumulative_counts, clip_grad
                         or dict(max_norm=float('inf')))
        device = optimizer.param_groups[0]['params'][0].device.type
        dtype = _choose_dtype(dtype, device)
        self.dtype = getattr(torch, dtype) if dtype else None
        self.device_type = device
        self.loss_scaler = torch.amp.GradScaler(
            device, enabled=dtype == 'float16')

    @property
    def parts(self) -> int:
        """Number of parts of each batch."""
        return self._accumulative_counts

    @property
    def skips_updates(self) -> bool:
        """Return whether updates with non-finite gradients are skipped.

        The loss scale of float16 starts high and is halved at each skipped
        update. Below 1, the gradients themselves are not finite.
        """
        return self.loss_scaler.is_enabled() and \
            self.loss_scaler.get_scale() >= 1

    def initialize_count_status(self, model: nn.Module, init_counts: int,
                                max_counts: int) -> None:
        """Count parts, while mmengine passes numbers of iterations."""
        super().initialize_count_status(model, init_counts * self.parts,
                                        max_counts * self.parts)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the context of the forward pass of one part."""
        with super().optim_context(model), torch.autocast(
                self.device_type, self.dtype, enabled=self.dtype
                is not None), self._quick_products():
            yield

    def backward(self, loss: torch.Tensor, **kwargs) -> None:
        """Accumulate the gradients of one part."""
        with self._quick_products():
            super().backward(self.loss_scaler.scale(loss), **kwargs)

    @contextmanager
    def _quick_products(self) -> Iterator[None]:
        """Use bfloat16 products in float32 convolutions on a CPU.

        These convolutions predict offsets. Their factors are rounded to
        bfloat16, as in all other layers, but sums and outputs, which need
        more precision, stay float32.
        """
        if self.dtype is not torch.bfloat16 or self.device_type != 'cpu':
            yield
            return
        settings: Any = getattr(torch.backends.mkldnn, 'conv')
        before = settings.fp32_precision
        settings.fp32_precision = 'bf16'
        try:
            yield
        finally:
            settings.fp32_precision = before

    def step(self, **kwargs) -> None:
        """Update the parameters."""
        self.loss_scaler.unscale_(self.optimizer)
        self._clip_grad()
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()

    def state_dict(self) -> dict:
        """Return the optimizer's state and the loss scale of float16."""
        state = super().state_dict()
        if self.loss_scaler.is_enabled():
            state['loss_scaler'] = self.loss_scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Load a state, also from a run with another precision."""
        state_dict = dict(state_dict)
        scale = state_dict.pop('loss_scaler', None)
        if scale and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scale)
        super().load_state_dict(state_dict)


def _choose_dtype(dtype: str | None, device_type: str) -> str | None:
    """Resolve ``'auto'``; warn if bfloat16 is emulated."""
    if dtype not in ('auto', 'bfloat16') or has_fast_bfloat16(device_type):
        return 'bfloat16' if dtype == 'auto' else dtype
    if dtype == 'auto':
        print_log(
            f'this {device_type.upper()} does not multiply in bfloat16: '
            'training in float32', 'current')
        return None
    print_log(
        f'this {device_type.upper()} emulates bfloat16: float32 is faster',
        'current', logging.WARNING)
    return dtype
