# Copyright (c) DKSAN-MM contributors.
"""Settings of all tests: a fixed seed and a fixed number of threads."""
import gc
import os
import random
import signal
from collections.abc import Iterator
from unittest import mock

# Threads that wait should sleep: where other programs use the cores too,
# OpenMP's spinning makes small tensors ten times slower. Read once, at load.
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from helpers.data_fixtures import tiny_vid3oc  # noqa: E402, F401  (a fixture)

# Triton reads it when it is imported: its interpreter runs kernels on the CPU.
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')

# Two threads, as on the smallest machine: tiny tensors get slower with more.
NUM_THREADS = min(2, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list) -> None:
    """Mark the tests of the tools, each of which starts at least one.

    Files with long tests come first. Otherwise, one of two processes would
    wait at the end for the last long file of the other.
    """
    for item in items:
        if 'test_tools' in item.path.parts:
            item.add_marker(pytest.mark.processes)
    long = {item.path for item in items if is_long(item)}
    items.sort(key=lambda item: item.path not in long)


def is_long(item: pytest.Item) -> bool:
    """Return whether `make test` leaves a test out."""
    return any(item.get_closest_marker(name) for name in ('slow', 'processes'))


def pytest_collection_finish() -> None:
    """Exclude all imported objects from garbage collection.

    The collector would otherwise visit all objects of torch and mmagic again
    and again.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def signals_as_in_a_terminal() -> None:
    """Make Ctrl-C interrupt, even if tests run under ``nohup ... &``.

    Tools that the tests start inherit ignored signals.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, 'SIGHUP'):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope='session', autouse=True)
def freed_memory_is_returned() -> Iterator[None]:
    """Keep tools in this process from changing its allocator.

    Other tests measure the memory of the process before and after.
    """
    with mock.patch('dksan_mm.utils.running.keep_freed_memory'):
        yield


@pytest.fixture(autouse=True)
def fixed_start() -> None:
    """Start every test with one seed, thread count and dtype."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(NUM_THREADS)
    torch.set_default_dtype(torch.float32)
