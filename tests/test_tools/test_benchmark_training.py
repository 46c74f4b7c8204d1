# Copyright (c) DKSAN-MM contributors.
import pytest
from helpers.tool_runs import CONFIG, load_tool

from dksan_mm.analysis.training_cost import StepCost
from dksan_mm.cli import launch

pytest_plugins = ['helpers.tool_runs']  # the fixtures


@pytest.fixture
def benchmark(monkeypatch):
    """Return a function that runs the tool on a made-up cost.

    The function returns the measured configs.
    """
    tool, seen = load_tool('benchmark_training'), []

    def measure(config, **settings):
        seen.append((config, settings))
        return StepCost(10_000_000, 'float32', 4, 32, 2., 3 * 2**30, 0.125)

    monkeypatch.setattr(tool.training_cost, 'measure_step', measure)

    def run(*arguments):
        assert launch.run_tool(tool.main, list(arguments)) == 0
        return seen

    return run


def test_tables_of_what_is_measured_and_computed(benchmark, capsys):
    seen = benchmark('--updates', '900')
    assert [config.experiment_name for config, _ in seen] == [
        f'{name}_vid3oc_x16' for name in ('dksan', 'edvr', 'dksan-s', 'edvr-s')
    ]
    rows = [[cell.strip() for cell in line.strip('| ').split('|')]
            for line in capsys.readouterr().out.splitlines()]
    assert [
        'dksan_vid3oc_x16', '10,000,000', 'float32', '4', '32x32', '2.000',
        '2.00', '3072', '153', '12.5%'
    ] in rows
    assert ['dksan_vid3oc_x16', '1', '8.000', '0', '2.0', '2.0'] in rows
    # 60 MB at 20 GB/s are 3 ms.
    assert ['dksan_vid3oc_x16', '4', '2.003', '57', '8.0', '0.5'] in rows


def test_options_reach_the_config(benchmark, tiny_vid3oc):
    (config, settings), = benchmark(CONFIG, '--precision', 'bf16', '--with-cp',
                                    '--channels-last', '--compile', '--batch',
                                    '3', '--steps', '2', '--data-root',
                                    tiny_vid3oc, '--cfg-options',
                                    'model.generator.channels=8')
    assert config.optim_wrapper.dtype == 'bfloat16'
    assert config.model.channels_last and config.compile
    assert config.model.generator.with_cp
    assert config.model.generator.channels == 8
    assert config.train_dataloader.batch_size == 3
    assert config.train_dataloader.dataset.data_root == tiny_vid3oc
    assert settings == dict(
        steps=2, device='cpu', threads=None, with_data=True)


def test_want_of_memory_is_said(monkeypatch, sentence):
    tool = load_tool('benchmark_training')

    def killed(*args, **kwargs):
        raise MemoryError('the process that trained was killed')

    monkeypatch.setattr(tool.training_cost, 'measure_step', killed)
    assert launch.run_tool(tool.main, [CONFIG]) == 2
    assert sentence() == ('dksan-s_vid3oc_x16: the process that trained was '
                          'killed (out of memory?)')


@pytest.mark.parametrize('error, words', [
    (KeyError('Nope is not in the registry'), 'Nope is not in the registry'),
    (TypeError('no argument foo'), 'no argument foo'),
    (RuntimeError('negative dimension -3'), 'negative dimension -3'),
    (ZeroDivisionError('by zero'), None),
])
def test_what_cannot_be_trained_is_said(monkeypatch, sentence, error, words):
    tool = load_tool('benchmark_training')

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(tool.training_cost, 'measure_step', fail)
    if words is None:  # a fault of the tool, not of the user
        with pytest.raises(ZeroDivisionError):
            launch.run_tool(tool.main, [CONFIG])
        return
    assert launch.run_tool(tool.main, [CONFIG]) == 2
    line = sentence()
    assert line.startswith('dksan-s_vid3oc_x16 cannot be trained: ')
    assert words in line


@pytest.mark.parametrize('value', ['0', '-1', 'nan', 'inf', 'fast'])
def test_a_bandwidth_that_is_none(capsys, value):
    with pytest.raises(SystemExit) as stop:
        load_tool('benchmark_training').parse_args(['--bandwidth', value])
    assert stop.value.code == 2
    assert f'must be above 0, got {value}' in capsys.readouterr().err
