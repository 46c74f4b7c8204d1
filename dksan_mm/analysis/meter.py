# Copyright (c) DKSAN-MM contributors.
"""Measurement of the time and memory that a network takes."""
import functools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from dksan_mm.utils.process_memory import forget_peak, peak_resident_memory


class Meter:
    """Measures every forward pass of a network, nothing around it.

    Args:
        device (torch.device): Where it runs.
        base (int): On a CPU, bytes in use before the network was built; what
            the process has more than that is the network's.

    Attributes:
        last (tuple[float, int] | None): Seconds and bytes of the last pass:
            on a CPU, the growth of resident memory over ``base`` at its peak;
            on a GPU, the peak of torch's allocations, weights included.
    """

    def __init__(self, device: torch.device, base: int) -> None:
        self.device, self.base = device, base
        self.last: tuple[float, int] | None = None
        self._start = 0.

    @property
    def kind(self) -> str:
        """Return in words what the bytes are."""
        if self.device.type == 'cuda':
            return 'peak of CUDA allocations'
        return 'growth of resident memory'

    def watch(self, model: nn.Module) -> None:
        """Measure what a model calls for a window from now on.

        That is its evaluator, or else its network: padding, rounding, files
        and metrics are not counted.
        """
        if getattr(model, 'evaluator', None) is not None:
            evaluator: Any = model.evaluator
            setattr(model, 'evaluator', self.wrap(evaluator))
        else:
            network = getattr(model, 'generator', model)
            network.forward = self.wrap(network.forward)

    def wrap(self, function: Callable) -> Callable:
        """Return a function that calls this one and measures it."""

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
