# Copyright (c) DKSAN-MM contributors.
"""State of all random generators, for checkpoints."""
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Return the states of the generators that models and hooks use.

    Returns:
        dict: States of torch, Python, numpy and, if used, the GPU of this
        process, as tensors and numbers.
    """
    _, words, gauss = random.getstate()
    legacy: Any = np.random.get_state()  # a tuple by default
    _, keys, position, has_gauss, cached = legacy
    state = dict(
        torch=torch.get_rng_state(),
        python=[torch.tensor(words), gauss],
        numpy=[torch.tensor(keys.tolist()), position, has_gauss, cached])
    if torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Restore the states of the generators.

    Args:
        state (dict): State from :func:`random_state`, on any device. The GPU's
            state is used if there is a GPU.
    """
    torch.set_rng_state(state['torch'].cpu())
    words, gauss = state['python']
    random.setstate((3, tuple(words.tolist()), gauss))
    keys, *rest = state['numpy']
    np.random.set_state(('MT19937', keys.cpu().numpy(), *rest))
    if 'cuda' in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state['cuda'].cpu())


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the states of the generators after the ``with`` block."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
