# Copyright (c) DKSAN-MM contributors.
import mmap
import time

import torch
from torch import nn

from dksan_mm.analysis.meter import Meter
from dksan_mm.utils.process_memory import resident_memory


class Slow(nn.Module):
    """Model that takes a known time and a known amount of memory.

    The memory comes directly from the system, because torch's allocator may
    return freed memory.
    """

    def forward(self, size):
        time.sleep(.05)
        with mmap.mmap(-1, size) as memory:
            pages = range(0, size, mmap.PAGESIZE)
            memory[::mmap.PAGESIZE] = bytes(len(pages))


def test_time_and_peak_are_of_the_forward_pass():
    meter, network = Meter(torch.device('cpu'), resident_memory()), Slow()
    meter.watch(network)
    peaks = []
    for size in (200 << 20, 1):
        network(size)
        seconds, memory = meter.last
        assert .05 <= seconds < 5
        peaks.append(memory)
    # What was freed before the second pass is not counted in it.
    # The kernel counts pages in batches, hence the MiB.
    assert 199 << 20 <= peaks[0] < 300 << 20
    assert peaks[1] < 100 << 20
