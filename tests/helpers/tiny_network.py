# Copyright (c) DKSAN-MM contributors.
"""The smallest network of the family, fast enough for every frame."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from dksan_mm.apis import init_model

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def tiny_config():
    """Write its config: DKSAN-S with 8 channels."""
    config = Config.fromfile(CONFIGS / 'dksan-s_vid3oc_x16.py')
    config.model.generator.update(channels=8, num_blocks=(1, 1, 1, 1))
    return config


@pytest.fixture(scope='session')
def tiny_checkpoint(tmp_path_factory):
    """Return config and weights of a network whose parts all matter."""
    torch.manual_seed(1)
    model = init_model(tiny_config())
    for parameter in model.parameters():
        with torch.no_grad():
            parameter += 0.02 * torch.randn_like(parameter)
    folder = tmp_path_factory.mktemp('tiny')
    torch.save(model.state_dict(), folder / 'tiny.pth')
    tiny_config().dump(str(folder / 'tiny.py'))
    return str(folder / 'tiny.py'), str(folder / 'tiny.pth')
