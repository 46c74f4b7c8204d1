# Copyright (c) DKSAN-MM contributors.
"""Arithmetic in the type of the tensors, whatever autocast says."""

import contextlib
from typing import Any, ContextManager

import torch


def no_autocast(device: str) -> ContextManager[Any]:
    """Switch autocast off inside a ``with`` block.

    Args:
        device (str): Type of the device that computes. The meta device knows
            no autocast, and ``torch.autocast`` refuses its name.

    Returns:
        ContextManager: For one ``with`` block.
    """
    if device == 'meta':
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)


def has_autocast(x: torch.Tensor) -> bool:
    """Return whether autocast is on where ``x`` is; never on meta."""
    device = x.device.type
    return device != 'meta' and torch.is_autocast_enabled(device)
