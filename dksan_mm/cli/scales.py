# Copyright (c) DKSAN-MM contributors.
"""Another factor than 16 for a config's tests."""
import re
from typing import TYPE_CHECKING

from dksan_mm.io.layout import lr_dir
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.steps import named_steps
from .data_checks import datasets_of

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict

SCALES = (2, 4, 8, 16)


def set_scale(config: 'Config', scale: int) -> None:
    """Let a config test the frames of one of its network's factors.

    Args:
        config (Config): Its model, test data set and its checks are changed.
        scale (int): HR pixels per LR pixel along each axis.

    Raises:
        UserError: If a test data set reads LR from a folder that no scale is
            named by.
    """
    test_cfg = config.model.get('test_cfg') or {}
    config.model.test_cfg = dict(test_cfg, scale=scale)
    for place, dataset in datasets_of(config, ['test_dataloader']):
        set_dataset_scale(dataset, scale, place)


def set_dataset_scale(dataset: 'ConfigDict', scale: int, place: str) -> None:
    """Let a data set read LR frames of a scale, and check them by it.

    Args:
        dataset (ConfigDict): Modified.
        scale (int): HR pixels per LR pixel along each axis.
        place (str): Its name in messages.

    Raises:
        UserError: As :func:`set_scale`.
    """
    prefix = dataset.data_prefix
    folder = re.sub('LRx[0-9]+', lr_dir(scale), prefix.img)
    if lr_dir(scale) not in folder:
        raise UserError(f'--scale: {place}.data_prefix.img is {prefix.img}, '
                        f'not a folder such as {lr_dir(16)}')
    prefix.img = folder
    for step in named_steps(dataset.get('pipeline', ())).values():
        if step.get('type') == 'CheckFrames':
            step['scale'] = scale
