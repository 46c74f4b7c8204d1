# Copyright (c) DKSAN-MM contributors.
"""Arithmetic in the dtype of the tensors, regardless of autocast."""

import contextlib
from typing import Any, ContextManager

import torch


def no_autocast(device: str) -> ContextManager[Any]:
    """Disable autocast inside a ``with`` block.

    Args:
        device (str): Device type. ``torch.autocast`` rejects ``'meta'``, which
            has no autocast.

    Returns:
        ContextManager: Context manager for one ``with`` block.
    """
    if device == 'meta':
        return contextlib.nullcontext()
    return torch.autocast(device, enabled=False)


def has_autocast(x: torch.Tensor) -> bool:
    """Return whether autocast is enabled on the device of ``x``."""
    device = x.device.type
    return device != 'meta' and torch.is_autocast_enabled(device)
