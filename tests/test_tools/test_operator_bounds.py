# Copyright (c) DKSAN-MM contributors.
"""The limits of one core compared with times of the depthwise operator."""
import re

import pytest
import torch
from helpers.tool_runs import load_tool

from dksan_mm.ops import cpp, deform_kernel_conv2d

pytest_plugins = ['helpers.tool_runs']  # the fixtures
pytestmark = [
    pytest.mark.usefixtures('own_environment'),
    pytest.mark.skipif(not cpp.load(), reason='no C++ operators')
]


@pytest.fixture(scope='module')
def tool():
    return load_tool('operator_bounds')


@pytest.fixture(autouse=True)
def cheap(tool, monkeypatch):
    monkeypatch.setattr(tool, 'keep_freed_memory', lambda: False)
    monkeypatch.setattr(tool, 'bandwidth', lambda: 10.)
    monkeypatch.setattr(tool, 'addition_rates', lambda: [3., 9.])


def test_every_size_has_both_passes_and_their_bytes(tool, capsys):
    tool.main(['--sizes', '5', '9', '--channels', '8', '--rounds', '1'])
    rows = re.findall(r'^ +(\d+)  (\w+) +\d+ +\d+ +(\d+) +(\d+)$',
                      capsys.readouterr().out, re.MULTILINE)
    # 2 maps of 8 channels and 36 offsets; 3 maps, 36 offsets, 36 gradients.
    assert rows == [(size, *row) for size in ('5', '9')
                    for row in (('forward', '208', '21'), ('backward', '384',
                                                           '38'))]


@pytest.mark.parametrize('spread', [0., 1.])
def test_the_passes_are_those_of_the_operator(tool, spread):
    torch.manual_seed(3)
    forward, backward = tool.make_cases(6, 8, spread)
    torch.manual_seed(3)
    x, grad = torch.randn(2, 1, 8, 6, 6)
    weight = torch.randn(8, 16).view(8, 1, 4, 4)
    inputs = [x, weight, *torch.randn(2, 1, 18, 6, 6) * spread]
    for tensor in inputs:
        tensor.requires_grad_()
    out = deform_kernel_conv2d(*inputs)
    torch.testing.assert_close(forward.run(), out.detach())
    wanted = torch.autograd.grad(out, inputs, grad)
    for one, other in zip(backward.run(), wanted):
        torch.testing.assert_close(one.view_as(other), other)


def test_one_pass_runs_alone(tool, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(
        tool, 'make_cases', lambda size, *_: [
            tool.Case(size, way, lambda w=way: ran.append((size, w)))
            for way in tool.WAYS
        ])
    tool.main(['--sizes', '4', '7', '--once', 'backward'])
    assert ran == [(4, 'backward'), (7, 'backward')]
    assert capsys.readouterr().out == ''


def test_additions_that_wait_take_a_cycle_each():
    clock, most = load_tool('operator_bounds').addition_rates(10**7)
    assert .1 < clock < 10  # GHz
    assert most < 16 * clock  # none was left out by the compiler
