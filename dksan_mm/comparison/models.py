# Copyright (c) DKSAN-MM contributors.
"""Building of a model from config and checkpoint, and its device."""
from collections.abc import Sequence

import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.runner import set_random_seed

from dksan_mm.analysis.complexity import count_cost
from dksan_mm.cli.runners import BUILD_ERRORS, build_reason
from dksan_mm.engine.runner.checkpoint import load_weights, needed
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import last_line
from .request import ModelSpec


def find_device(name: str | None) -> torch.device:
    """Return the device with a name; by default a GPU if there is one.

    Raises:
        UserError: If the device does not exist.
    """
    name = name or ('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # depends on torch's build
        raise UserError(f'--device {name}: {last_line(error)}') from error


def build_model(config: Config,
                spec: ModelSpec) -> tuple[torch.nn.Module, bool]:
    """Build the config's model and load its weights.

    Args:
        config (Config): Config of the model.
        spec (ModelSpec): Names the checkpoint, if any.

    Returns:
        tuple: The model, and whether it is untrained: it has parameters but
        no checkpoint, and is initialised as for training.

    Raises:
        UserError: If the config describes no model, or the checkpoint cannot
            be read or belongs to another model.
    """
    set_random_seed((config.get('randomness') or {}).get('seed') or 0)
    try:
        model = MODELS.build(config.model)
    except (*BUILD_ERRORS, RuntimeError) as error:
        raise UserError(f'{spec.config} does not describe a network that can '
                        f'be built: {build_reason(error)}') from error
    if not spec.checkpoint:
        model.init_weights()
        return model, bool(model.state_dict())
    load_weights(model, spec.checkpoint)
    return model, False


def count_parameters(model: torch.nn.Module) -> int:
    """Count the parameters that a release has: without a discriminator."""
    parameters = needed(dict(model.named_parameters()))
    return sum(parameter.numel() for parameter in parameters.values())


def count_multiply_adds(model: torch.nn.Module,
                        lr_size: Sequence[int]) -> int | None:
    """Count the multiply-adds of one frame; None if that is not possible.

    Args:
        model (nn.Module): The model.
        lr_size (Sequence[int]): Height and width of the LR frame.
    """
    try:
        height, width = lr_size
        return count_cost(model, (height, width))['multiply_adds']
    except (RuntimeError, ValueError):  # no C++ operators, or not windowed
        return None


def device_name(device: torch.device) -> str:
    """Return 'cpu' or the name of the GPU."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return device.type
