# Copyright (c) DKSAN-MM contributors.
"""A model from its config and checkpoint, and where it runs."""
from collections.abc import Sequence

import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.runner import set_random_seed

from dksan_mm.analysis.complexity import count_cost
from dksan_mm.cli.launch import BUILD_ERRORS, last_line
from dksan_mm.engine.runner.checkpoint import load_weights
from dksan_mm.utils.errors import UserError
from .request import ModelSpec


def find_device(name: str | None) -> torch.device:
    """The device of that name; by default a GPU if there is one.

    Raises:
        UserError: If there is no such device.
    """
    name = name or ('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # as torch was built
        raise UserError(f'--device {name}: {last_line(error)}') from error


def build_model(config: Config,
                spec: ModelSpec) -> tuple[torch.nn.Module, bool]:
    """The config's model with its weights, and whether it has none.

    Args:
        config (Config): Its config.
        spec (ModelSpec): Names the checkpoint, if any.

    Returns:
        tuple: The model, and True if it has parameters and no checkpoint was
        named: it is then initialised as a training would begin.

    Raises:
        UserError: If the config describes no model, or the checkpoint cannot
            be read or is another model's.
    """
    set_random_seed(config.get('randomness', {}).get('seed') or 0)
    try:
        model = MODELS.build(config.model)
    except (*BUILD_ERRORS, RuntimeError) as error:
        raise UserError(f'{spec.config} does not describe a network that can '
                        f'be built: {last_line(error)}') from error
    if not spec.checkpoint:
        model.init_weights()
        return model, bool(model.state_dict())
    load_weights(model, spec.checkpoint)
    return model, False


def count_multiply_adds(model: torch.nn.Module,
                        lr_size: Sequence[int]) -> int | None:
    """Multiply-adds of one frame, None where they cannot be counted.

    Args:
        model (nn.Module): The model.
        lr_size (Sequence[int]): Height and width of the LR frame.
    """
    try:
        height, width = lr_size
        return count_cost(model, (height, width))['multiply_adds']
    except (RuntimeError, ValueError):  # no C++ operators, or no windows
        return None


def device_name(device: torch.device) -> str:
    """'cpu', or the GPU's name."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return device.type
