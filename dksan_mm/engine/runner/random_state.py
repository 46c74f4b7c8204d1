# Copyright (c) DKSAN-MM contributors.
"""The state of all random generators, as checkpoints can hold it."""
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Read the generators that models and hooks draw from.

    Returns:
        dict: Of torch, Python, numpy and, where it is used, the GPU of this
        process; tensors and numbers, nothing else.
    """
    _, words, gauss = random.getstate()
    legacy: Any = np.random.get_state()  # a tuple, if nothing else is asked
    _, keys, position, has_gauss, cached = legacy
    state = dict(
        torch=torch.get_rng_state(),
        python=[torch.tensor(words), gauss],
        numpy=[torch.tensor(keys.tolist()), position, has_gauss, cached])
    if torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put the generators where they were.

    Args:
        state (dict): What :func:`random_state` returned, on any device. What
            it says about a GPU is used where one is.
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
    """Put the generators back, whatever is drawn within the block."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
