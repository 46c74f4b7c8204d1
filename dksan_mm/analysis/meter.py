# Copyright (c) DKSAN-MM contributors.
"""Measurement of a network's time and memory."""
import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dksan_mm.utils.process_memory import forget_peak, peak_resident_memory


class Meter:
    """Measures each forward pass of a network, and nothing around it.

    Args:
        device (torch.device): Device of the network.
        base (int): On a CPU, bytes in use before the network was built, which
            are subtracted.

    Attributes:
        last (tuple[float, int] | None): Seconds and bytes of the last pass:
            on a CPU, the peak of resident memory above ``base``; on a GPU,
            the peak of torch's allocations, including weights.
    """

    def __init__(self, device: torch.device, base: int) -> None:
        self.device, self.base = device, base
        self.last: tuple[float, int] | None = None
        self._start = 0.

    @property
    def kind(self) -> str:
        """Description of the measured bytes."""
        if self.device.type == 'cuda':
            return 'peak of CUDA allocations'
        return 'growth of resident memory'

    def watch(self, model: nn.Module) -> None:
        """Measure the calls of a model for each window from now on.

        These are calls of its evaluator or else its network: padding,
        rounding, files and metrics are not included.
        """
        if getattr(model, 'evaluator', None) is not None:
            evaluator: Any = model.evaluator
            setattr(model, 'evaluator', self.wrap(evaluator))
        else:
            network = getattr(model, 'generator', model)
            network.forward = self.wrap(network.forward)

    def wrap(self, function: Callable) -> Callable:
        """Return a function that calls and measures another one."""

        @functools.wraps(function, updated=())
        def measured(*arguments: Any, **settings: Any) -> Any:
            self._begin()
            result = function(*arguments, **settings)
            self._end()
            return result

        return measured

    def _begin(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            forget_peak()
        self._start = time.perf_counter()

    def _end(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - self._start
        if self.device.type == 'cuda':
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            peak = max(0, peak_resident_memory() - self.base)
        self.last = seconds, peak
