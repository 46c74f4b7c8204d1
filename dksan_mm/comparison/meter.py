# Copyright (c) DKSAN-MM contributors.
"""How long a network takes, and how much memory it needs."""
import time
from typing import Optional, Tuple

import torch
from torch import nn

from ..process_memory import forget_peak, peak_resident_memory


class Meter:
    """Measures every forward pass of a network, nothing around it.

    Args:
        network (nn.Module): The network alone, so that padding, rounding,
            files and metrics are not counted.
        device (torch.device): Where it runs.
        base (int): On a CPU, bytes in use before the network was built; what
            the process has more than that is the network's.

    Attributes:
        last (tuple[float, int] | None): Seconds and bytes of the last pass:
            on a CPU, the growth of resident memory over ``base`` at its peak;
            on a GPU, the peak of torch's allocations, weights included.
    """

    def __init__(self, network: nn.Module, device: torch.device,
                 base: int) -> None:
        self.device, self.base = device, base
        self.last: Optional[Tuple[float, int]] = None
        self._start = 0.
        network.register_forward_pre_hook(self._begin)
        network.register_forward_hook(self._end)

    @property
    def kind(self) -> str:
        """What the bytes are, in words."""
        if self.device.type == 'cuda':
            return 'peak of CUDA allocations'
        return 'growth of resident memory'

    def _begin(self, *_) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            forget_peak()
        self._start = time.perf_counter()

    def _end(self, *_) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - self._start
        if self.device.type == 'cuda':
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            peak = max(0, peak_resident_memory() - self.base)
        self.last = seconds, peak
