# Copyright (c) DKSAN-MM contributors.
"""Other scale factors than 16 for a config's tests."""
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
    """Set the scale factor on which a config is tested.

    Args:
        config (Config): Config whose model, test data set and checks are
            changed.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.

    Raises:
        UserError: If the LR folder of a test data set does not name a scale.
    """
    test_cfg = config.model.get('test_cfg') or {}
    config.model.test_cfg = dict(test_cfg, scale=scale)
    for place, dataset in datasets_of(config, ['test_dataloader']):
        set_dataset_scale(dataset, scale, place)


def set_dataset_scale(dataset: 'ConfigDict', scale: int, place: str) -> None:
    """Set the scale factor of a data set's LR frames and their check.

    Args:
        dataset (ConfigDict): Config, changed in place.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        place (str): Name of the data set in messages.

    Raises:
        UserError: See :func:`set_scale`.
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
