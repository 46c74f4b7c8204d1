# Copyright (c) DKSAN-MM contributors.
"""Models ready for inference, and their entry in mmagic's inferencer."""
import os
from typing import TYPE_CHECKING

import torch
from torch import nn

from dksan_mm.engine.runner.checkpoint import load_weights
from dksan_mm.utils.versions import check_openmmlab

if TYPE_CHECKING:
    from mmengine.config import Config


def init_model(config: 'str | os.PathLike | Config',
               checkpoint: str | os.PathLike | None = None,
               device: str | torch.device = 'cpu',
               dtype: torch.dtype = torch.float32) -> nn.Module:
    """Build the model of a config for inference.

    Nothing in the checkpoint is ever executed. Of a training with mmengine's
    EMAHook these are the averaged weights: it saves them as ``state_dict``.

    Args:
        config (str | PathLike | Config): A config file, or its content.
        checkpoint (str | PathLike, optional): A checkpoint of mmengine's or a
            plain state dict. Without it the weights are random.
        device (str | torch.device): Where the model shall run.
        dtype (torch.dtype): What :func:`restore_frames` computes convolutions
            in, e.g. ``torch.bfloat16``. Parameters, sums over residuals,
            offsets and deformable convolutions stay float32 (autocast).

    Returns:
        nn.Module: The model in evaluation mode; ``model.cfg`` is the config.

    Raises:
        FileNotFoundError: If there is no such config.
        ImportError: If mmagic is not installed, or another version.
        ValueError: If the config describes no model.
        UserError: If the checkpoint cannot be read, holds other objects than
            data, or belongs to another model.
    """
    check_openmmlab()
    from mmagic.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    import dksan_mm.inference  # noqa: F401  (registers the evaluators)
    import dksan_mm.models  # noqa: F401  (registers the networks)
    if not isinstance(config, Config):
        config = Config.fromfile(os.fspath(config))
    if not config.get('model'):
        raise ValueError(f'{config.filename or "the config"} has no model')
    init_default_scope(config.get('default_scope', 'mmagic'))
    model = MODELS.build(config.model)
    if checkpoint is not None:
        load_weights(model, os.fspath(checkpoint))
    model.cfg = config  # where mmagic's inferencers look for it
    model.inference_dtype = dtype
    return model.to(device, memory_format=torch.channels_last).eval()
