# Copyright (c) DKSAN-MM contributors.
"""Checkpoints of tensors, numbers, strings and containers only."""
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import weights_to_cpu


def make_plain(checkpoint: dict[str, Any]) -> None:
    """Convert a checkpoint, so that ``torch.load`` alone can load it.

    Weights are moved to the CPU. Each ``HistoryBuffer`` of the log is
    replaced by two tensors and its length. numpy numbers, such as mmengine's
    remaining time and best score, become Python numbers.

    Args:
        checkpoint (dict): Checkpoint of mmengine's Runner, changed in place.
    """
    for name in ('state_dict', 'ema_state_dict'):
        if name in checkpoint:
            checkpoint[name] = weights_to_cpu(checkpoint[name])
    hub = checkpoint['message_hub']
    hub['runtime_info'] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in hub['runtime_info'].items()
    }
    scalars = hub['log_scalars']
    for name, history in scalars.items():
        logs, counts = history.data
        scalars[name] = dict(
            logs=torch.as_tensor(logs),
            counts=torch.as_tensor(counts),
            max_length=history.max_length)


def restore_histories(checkpoint: dict[str, Any]) -> None:
    """Restore the log of :func:`make_plain` as ``HistoryBuffer`` objects.

    Args:
        checkpoint (dict): Loaded checkpoint, changed in place; those of
            mmengine, and those without a log, stay as they are.
    """
    scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
    for name, history in scalars.items():
        if isinstance(history, dict):
            scalars[name] = HistoryBuffer(history['logs'].cpu().numpy(),
                                          history['counts'].cpu().numpy(),
                                          history['max_length'])
