# Copyright (c) DKSAN-MM contributors.
"""The released networks by their names, without mmagic."""
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dksan_mm.engine.runner.checkpoint import load_weights
from dksan_mm.inference.plain_model import PlainModel
from dksan_mm.utils.plain_config import read_model
from dksan_mm.utils.release import RELEASED, release_folder


def load_model(name: str = 'dksan-s',
               *,
               checkpoint: str | os.PathLike | None = None,
               device: str | torch.device = 'cpu',
               dtype: torch.dtype = torch.float32) -> nn.Module:
    """Load a released network, ready for :func:`restore_video`.

    It needs neither mmagic nor files next to the package, and its frames are
    those of :func:`init_model`.

    Args:
        name (str): 'dksan-s', or 'bicubic', which has no weights.
        checkpoint (str | PathLike, optional): Weights of a training of your
            own in the place of the released ones.
        device (str | torch.device): Where the model shall run.
        dtype (torch.dtype): As of :func:`init_model`.

    Returns:
        nn.Module: The model in evaluation mode.

    Raises:
        ValueError: If no network of this name is released.
        UserError: If the checkpoint cannot be read, holds other objects than
            data, or belongs to another network.
    """
    if name not in RELEASED:
        raise ValueError(f'name must be one of {", ".join(RELEASED)}, got '
                         f'{name!r}')
    model = PlainModel(read_model(_path('configs', f'{RELEASED[name]}.py')))
    released = _path('weights', f'{RELEASED[name]}.pth')
    if checkpoint is None and released.is_file():
        checkpoint = released
    if checkpoint is not None:
        load_weights(model, os.fspath(checkpoint))
    model.inference_dtype = dtype
    moved: Any = model.to(device)
    return moved.to(memory_format=torch.channels_last).eval()


def _path(*parts: str) -> Path:
    return release_folder().joinpath(*parts)
