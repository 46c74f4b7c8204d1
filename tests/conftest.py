# Copyright (c) DKSAN-MM contributors.
"""What every test shares: a fixed seed and a fixed number of threads."""
import os
import random

import numpy as np
import pytest
import torch
from data_fixtures import tiny_vid3oc  # noqa: F401  (a fixture)

# Two threads, as on the smallest machine: tiny tensors get slower with more.
NUM_THREADS = min(2, os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def fixed_start() -> None:
    """Every test starts from one seed, thread count and dtype."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(NUM_THREADS)
    torch.set_default_dtype(torch.float32)
