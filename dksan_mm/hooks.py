# Copyright (c) DKSAN-MM contributors.
"""What is written beside training: plain checkpoints, files of results."""
import json
import os
from typing import Dict

import numpy as np
import torch
from mmagic.registry import HOOKS
from mmengine.dist import master_only
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


@HOOKS.register_module()
class ResultsFileHook(Hook):
    """Write a test's averages and each video's values to a JSON file.

    ``{"metrics": {name: value}, "videos": {video: {name: value}}}``, names
    with their prefix in ``metrics``.

    Args:
        path (str): The file. It is whole, or as it was before.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @master_only
    def after_test_epoch(self, runner, metrics: Dict[str, float]) -> None:
        """Write the file."""
        videos: Dict[str, Dict[str, float]] = {}
        for metric in _metrics_of(runner.test_loop):
            for video, values in getattr(metric, 'videos', {}).items():
                videos.setdefault(video, {}).update(values)
        part = f'{self.path}.part'
        with open(part, 'w', encoding='utf-8') as file:
            json.dump(dict(metrics=metrics, videos=videos), file, indent=2)
        os.replace(part, self.path)


def _metrics_of(loop) -> list:
    """Metrics of mmengine's loop, or of all evaluators of mmagic's."""
    evaluators = getattr(loop, 'evaluators', None) or [loop.evaluator]
    return [metric for evaluator in evaluators for metric in evaluator.metrics]
