# Copyright (c) DKSAN-MM contributors.
"""Released networks by name, without mmagic."""
import copy
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dksan_mm.engine.runner.checkpoint import load_weights
from dksan_mm.inference.plain_model import PlainModel
from dksan_mm.models.blending import blend_weights
from dksan_mm.utils.plain_config import read_model
from dksan_mm.utils.release import (PIXEL_NETWORKS, RELEASED, default_detail,
                                    release_folder)


def load_model(name: str = 'dksan-s',
               *,
               checkpoint: str | os.PathLike | None = None,
               detail: float | None = None,
               device: str | torch.device = 'cpu',
               dtype: torch.dtype = torch.float32) -> nn.Module:
    """Load a released network for :func:`restore_video`.

    This needs neither mmagic nor files outside the package. The frames are
    the same as those of a model from :func:`init_model`.

    Args:
        name (str): 'dksan-s', which is closest to the ground truth;
            'dksan-s-gan' (a preview), which looks sharper because it invents
            detail; or 'bicubic', which has no weights.
        checkpoint (str | PathLike, optional): Your own trained weights,
            loaded instead of the released ones.
        detail (float, optional): Amount of detail, only for 'dksan-s-gan';
            see :func:`set_detail`. Default: 0.75, or 1 with your own
            checkpoint.
        device (str | torch.device): Device of the model.
        dtype (torch.dtype): As in :func:`init_model`.

    Returns:
        nn.Module: The model in evaluation mode.

    Raises:
        ValueError: If no network of this name is released, or ``detail`` is
            invalid for it.
        UserError: If the checkpoint cannot be read, contains objects other
            than data, or belongs to another network.
    """
    if name not in RELEASED:
        raise ValueError(f'name must be one of {", ".join(RELEASED)}, got '
                         f'{name!r}')
    model = PlainModel(read_model(_path('configs', f'{RELEASED[name]}.py')))
    released = _path('weights', f'{RELEASED[name]}.pth')
    own_weights = checkpoint is not None
    if checkpoint is None and released.is_file():
        checkpoint = released
    if checkpoint is not None:
        load_weights(model, os.fspath(checkpoint))
    if detail is None:
        detail = default_detail(name, own_weights=own_weights)
    if detail is not None:
        set_detail(model, name, detail)
    model.inference_dtype = dtype
    moved: Any = model.to(device)
    return moved.to(memory_format=torch.channels_last).eval()


def set_detail(model: nn.Module, name: str, detail: float) -> None:
    """Set how much detail a network invents.

    The weights of ``model`` are interpolated, in place, with those of the
    network that its training started from.

    Args:
        model (nn.Module): Model of the released network ``name``, with the
            released weights or your own.
        name (str): 'dksan-s-gan'.
        detail (float): Amount of detail. 0 gives nearly the frames of
            'dksan-s', soft but close to the ground truth; 1 all detail.

    Raises:
        ValueError: If the network has no adjustable detail, or ``detail`` is
            not in [0, 1].
    """
    if name not in PIXEL_NETWORKS:
        raise ValueError('detail can be chosen for '
                         f'{", ".join(PIXEL_NETWORKS)}, not for {name}')
    if not 0 <= detail <= 1:
        raise ValueError(f'detail must be from 0 to 1, got {detail}')
    soft = copy.deepcopy(model)
    pixel_weights = RELEASED[PIXEL_NETWORKS[name]]
    load_weights(soft, os.fspath(_path('weights', f'{pixel_weights}.pth')))
    model.load_state_dict(
        blend_weights(soft.state_dict(), model.state_dict(), detail))


def _path(*parts: str) -> Path:
    return release_folder().joinpath(*parts)
