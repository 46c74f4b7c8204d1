# Copyright (c) DKSAN-MM contributors.
"""Models for inference, built from configs."""
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

    Loading never executes code from the checkpoint. After training with
    mmengine's EMAHook, ``state_dict`` contains the averaged weights.

    Args:
        config (str | PathLike | Config): Config file, or loaded config.
        checkpoint (str | PathLike, optional): mmengine checkpoint or plain
            state dict. Default: None, random weights.
        device (str | torch.device): Device of the model.
        dtype (torch.dtype): Data type in which :func:`restore_frames` computes
            convolutions, e.g. ``torch.bfloat16``. Parameters, residual sums,
            offsets and deformable convolutions stay float32 (autocast).

    Returns:
        nn.Module: The model in evaluation mode; ``model.cfg`` is the config.

    Raises:
        FileNotFoundError: If the config does not exist.
        ImportError: If mmagic is missing or has an unsupported version.
        ValueError: If the config has no model.
        UserError: If the checkpoint cannot be read, contains objects other
            than data, or belongs to another model.
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
    model.cfg = config  # read by mmagic's inferencers
    model.inference_dtype = dtype
    return model.to(device, memory_format=torch.channels_last).eval()
