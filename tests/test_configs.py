# Copyright (c) DKSAN-MM contributors.
"""Every config loads, builds and runs; the paper's values are the paper's."""

from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts)


def load(name):
    config = Config.fromfile(ROOT / name)
    init_default_scope(config.default_scope)
    return config


def shrink(config):
    """Fewer channels and blocks; everything else stays as it is."""
    generator = config.model.generator
    if 'num_blocks' in generator:
        generator.update(channels=16, num_blocks=(1, 1, 1, 1))
    return config


@pytest.mark.parametrize('name', CONFIGS)
def test_config_loads_builds_and_runs_a_forward(name):
    model = MODELS.build(shrink(load(name)).model).eval()
    with torch.no_grad():
        out = model(torch.rand(1, 7, 3, 3, 5))
    assert out.shape == (1, 3, 48, 80)


@pytest.mark.parametrize('name', CONFIGS)
def test_config_names_its_own_experiment(name):
    assert load(name).experiment_name == Path(name).stem


def test_the_main_config_holds_the_paper_s_values():
    config = load('configs/dksan_vid3oc_x16.py')
    generator = config.model.generator
    assert generator.channels == 128
    assert tuple(generator.num_blocks) == (30, 20, 15, 10)
    assert generator.num_frames == 7
    assert config.model.pixel_loss.eps == pytest.approx(1e-3**2)
    assert config.train_dataloader.batch_size == 4  # on each of 4 GPUs
    optimizer = config.optim_wrapper.optimizer
    assert optimizer.type == 'Adam' and optimizer.lr == 4e-4
    assert tuple(optimizer.betas) == (0.9, 0.999)
    assert config.train_cfg.max_iters == 115_000


@pytest.mark.parametrize(
    'name, count', [('dksan_vid3oc_x16', 29_512_268),
                    ('ablations/dksan_vid3oc_x16_wo-dksa', 26_993_100),
                    ('ablations/dksan_vid3oc_x16_wo-align-dksa', 26_274_788),
                    ('ablations/dksan_vid3oc_x16_backbone', 26_110_988)])
def test_configs_have_the_paper_s_parameter_counts(name, count):
    with torch.device('meta'):
        net = MODELS.build(load(f'configs/{name}.py').model.generator)
    assert sum(p.numel() for p in net.parameters()) == count
