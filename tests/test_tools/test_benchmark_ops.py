# Copyright (c) DKSAN-MM contributors.
"""The benchmark of the operators."""
import re

import pytest
import torch
from helpers.tool_runs import load_tool

pytest_plugins = ['helpers.tool_runs']  # the fixtures
pytestmark = pytest.mark.usefixtures('own_environment')

SMALL = ['--channels', '8', '--size', '6x9', '--rounds', '1', '--quick']


@pytest.fixture(scope='module')
def tool():
    return load_tool('benchmark_ops')


def test_every_operator_is_timed_beside_the_convolution(tool, capsys):
    tool.main([*SMALL, '--batch', '2', '--threads', '1'])
    text = capsys.readouterr().out
    assert '2 x 8 channels, 6x9, float32, 1 threads' in text
    rows = re.findall(
        r'^(\S.{29}) +[0-9.]+ ms +([0-9.]+)x'
        r' +[0-9.]+ ms +([0-9.]+)x$', text, re.MULTILINE)
    ratios = {name.strip(): (one, other) for name, one, other in rows}
    assert ratios.pop(tool.UNIT) == ('1.00', '1.00')
    assert set(ratios) == {
        'depthwise DKC, S = 4', 'dense DKC, S = 3', 'ModulatedDeformConv2d'
    }


def test_operators_that_are_compared_compute_the_same(tool):
    args = tool.parse_args(
        ['--channels', '8', '--dtype', 'float32', '--rounds', '1'])
    operators = tool.make_operators(args, (5, 7), own_only=False)
    outputs = {
        name: tool.training_step(operator)[0].detach()
        for name, operator in operators.items()
    }
    for kind, scope in (('depthwise', 4), ('dense', 3)):
        torch.testing.assert_close(outputs[f'{kind} DKC, S = {scope}'],
                                   outputs[f'{kind} DKC, pure torch'])
    torch.testing.assert_close(outputs["mmcv's own"],
                               outputs["torchvision's deform_conv2d"])
    assert {output.shape for output in outputs.values()} == {(1, 8, 5, 7)}


def test_channels_that_no_group_divides_leave_out_the_grouped(tool):
    args = tool.parse_args(['--channels', '6'])
    assert tool._modulated(torch.zeros(1, 6, 2, 2), None, True) == {}
    assert tool.UNIT in tool.make_operators(args, (2, 2), own_only=True)


def test_a_gpu_that_is_not_there_is_named(tool, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit, match='--device cuda: torch sees no GPU'):
        tool.main(['--device', 'cuda', *SMALL])


@pytest.mark.parametrize('args, match', [
    (['--channels', '0'], '--channels: must be at least 1, got 0'),
    (['--size', '3x'], '--size'),
    (['--threads', '1025'], '--threads: must be at most 1024, got 1025'),
    (['--dtype', 'int8'], "--dtype: invalid choice: 'int8'"),
])
def test_wrong_arguments_are_named(tool, capsys, args, match):
    with pytest.raises(SystemExit) as stopped:
        tool.parse_args(args)
    assert stopped.value.code == 2 and match in capsys.readouterr().err
