# Copyright (c) DKSAN-MM contributors.
"""Checkpoints that load everywhere."""
import numpy as np
import torch
from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Keep mmengine's classes out of checkpoints.

    mmengine 0.10 pickles its log history as objects, which torch >= 2.6
    refuses to load. Written as tensors they load everywhere: with a bare
    ``torch.load``, in mmagic's inference API, on ``--resume``.
    """

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Replace each ``HistoryBuffer`` by two tensors and its length.

        Among what else mmengine remembers, the time left and the best score
        are numpy's numbers; they become Python's.
        """
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

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Make ``HistoryBuffer`` objects of them again."""
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, history in scalars.items():
            if isinstance(history, dict):
                scalars[name] = HistoryBuffer(history['logs'].cpu().numpy(),
                                              history['counts'].cpu().numpy(),
                                              history['max_length'])
