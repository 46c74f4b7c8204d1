# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dksan_mm.ops import (ModulatedDeformConv2d, deform_kernel_conv2d,
                          set_backend)
from dksan_mm.ops.flops import register_formulas

PIXELS, TAPS = 2 * 5 * 7, 9


@pytest.fixture(autouse=True)
def formulas():
    assert register_formulas()
    with set_backend('cpp'):
        yield


def count(call):
    """Count the FLOPs of the operators by torch's own counter."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    counts = counter.get_flop_counts()['Global']
    return sum(count for operator, count in counts.items()
               if str(operator).startswith('dksan_mm.'))


@pytest.mark.parametrize('image', [False, True])
@pytest.mark.parametrize('filters, offsets, multiply_adds', [
    ('depthwise', True, TAPS * 6 * (4 + 1)),
    ('depthwise', False, TAPS * 6),
    ('dense', True, TAPS * 6 * 4 + 16 * 6 * 4),
    ('dense', False, TAPS * 6 * 4),
])
def test_flops_of_one_convolution(filters, offsets, multiply_adds, image):
    scope = 4 if offsets else 3
    shape = (6, 1) if filters == 'depthwise' else (4, 6)
    others = dict(mask=torch.rand(2, TAPS, 5, 7))
    for name, wanted in (('image', image), ('kernel', offsets)):
        if wanted:
            others[f'{name}_offset'] = torch.rand(2, 2 * TAPS, 5, 7)
    flops = count(lambda: deform_kernel_conv2d(
        torch.rand(2, 6, 5, 7), torch.rand(*shape, scope, scope), **others))
    assert flops == 2 * PIXELS * (multiply_adds + image * TAPS * 6 * 4)


@pytest.mark.parametrize('bias', [False, True])
def test_the_bias_is_not_counted(bias):
    layer = ModulatedDeformConv2d(6, 4, 3, padding=1, bias=bias)
    offset, mask = torch.rand(2, 2 * TAPS, 5, 7), torch.rand(2, TAPS, 5, 7)
    flops = count(lambda: layer(torch.rand(2, 6, 5, 7), offset, mask))
    assert flops == 2 * PIXELS * TAPS * 6 * (4 + 4)
