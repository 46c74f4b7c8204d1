# Copyright (c) DKSAN-MM contributors.
"""16-bit images in the C++ operators: no copies, one rounding."""
import ctypes

import pytest
import torch
from helpers.op_cases import Case, gradients
from torch.library import opcheck
from torch.testing import assert_close

from dksan_mm.ops import (ModulatedDeformConv2d, deform_kernel_conv2d,
                          set_backend)
from dksan_mm.utils import process_memory

HALVES = (torch.bfloat16, torch.float16)
TALL = Case(c_in=20, c_out=20, groups=20, size=(300, 40))
WIDE = Case(
    c_in=70, c_out=70, groups=70, batch=1, size=(37, 41), image_reach=3)
LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.fixture(autouse=True)
def cpp():
    with set_backend('cpp'):
        yield


def drawn(case, dtype, layout):
    """Draw inputs with a 16-bit image, and a gradient like it."""
    inputs = case.inputs(torch.float32)
    inputs['x'] = inputs['x'].to(dtype).to(memory_format=layout)
    return inputs, torch.randn(case.batch, case.c_out, *case.size).to(dtype)


def widened(inputs, dtype):
    return {name: value.to(dtype) for name, value in inputs.items()}


@pytest.mark.parametrize('dtype', HALVES)
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize(
    'case', [
        TALL,
        TALL.but(groups=1),
        TALL.but(groups=4), WIDE,
        WIDE.but(groups=1),
        WIDE.but(groups=7)
    ],
    ids=[
        'tall', 'tall_dense', 'tall_grouped', 'depthwise', 'dense', 'grouped'
    ])
def test_output_and_gradients_are_those_of_float32_rounded(
        case, layout, dtype):
    inputs, grad_out = drawn(case, dtype, layout)
    exact = widened(inputs, torch.float32)
    out = deform_kernel_conv2d(**inputs, **case.settings)
    expected = deform_kernel_conv2d(**exact, **case.settings)
    assert out.dtype == dtype
    assert torch.equal(out, expected.to(dtype))
    grads = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    wanted = gradients(deform_kernel_conv2d, exact, grad_out.float(),
                       **case.settings)
    for name, grad in grads.items():
        assert grad.dtype == inputs[name].dtype
        assert torch.equal(grad, wanted[name].to(grad.dtype)), name


@pytest.mark.parametrize('dtype', HALVES)
@pytest.mark.parametrize('groups', [1, 20])
@pytest.mark.parametrize('shift', [0, 170])
def test_values_are_those_of_float64(shift, groups, dtype):
    case = TALL.but(groups=groups, batch=1)
    inputs, grad_out = drawn(case, dtype, torch.contiguous_format)
    # Multiples of 1/256: float32 has the same positions as float64.
    for name in ('image_offset', 'kernel_offset'):
        inputs[name] = (256 * inputs[name]).round() / 256
    inputs['image_offset'][:, ::2] += shift
    exact = widened(inputs, torch.float64)
    out = deform_kernel_conv2d(**inputs, **case.settings)
    grads = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    with set_backend('torch'):
        expected = deform_kernel_conv2d(**exact, **case.settings)
        wanted = gradients(deform_kernel_conv2d, exact, grad_out.double(),
                           **case.settings)
    # Half a unit in the last place, and what float32 adds.
    rounding = torch.finfo(dtype).eps / 2 * 1.01
    small = torch.finfo(dtype).smallest_normal
    for actual, value in ((out, expected), (grads['x'], wanted['x'])):
        assert_close(actual.double(), value, rtol=rounding, atol=2e-5 + small)
    for name in ('weight', 'image_offset', 'kernel_offset', 'mask'):
        assert_close(
            grads[name].double(),
            wanted[name],
            rtol=1e-4,
            atol=1e-5 * wanted[name].abs().max().item())


@pytest.mark.parametrize('dtype', HALVES)
def test_every_number_of_16_bits_is_read_and_written(dtype):
    # A tap of 1 at the centre: the operator gives back what it reads.
    numbers = torch.arange(-2**15, 2**15, dtype=torch.int32)
    x = numbers.to(torch.int16).view(dtype).view(1, 1, 256, 256)
    finite = x.isfinite()
    for given in (x.where(finite, 0), x.where(~finite, float('inf'))):
        out = deform_kernel_conv2d(
            given,
            torch.ones(1, 1, 1, 1),
            mask=torch.ones(1, 1, 256, 256),
            kernel_size=1,
            padding=0)
        assert torch.equal(out.isfinite(), given.isfinite())
        known = given.isfinite()
        assert torch.equal(out[known], given[known])


@pytest.mark.parametrize('dtype', HALVES)
def test_numbers_are_rounded_as_torch_rounds_them(dtype):
    # Ties, the largest finite numbers, and those below the normal ones.
    steps = torch.arange(4096.)
    values = torch.cat([
        1 + steps / 4096, 65472 + steps / 32, steps * 2.**-26,
        3.38e38 * (1 + steps / 2**20)
    ])
    x = torch.ones_like(values).to(dtype).view(1, 1, 128, 128)
    mask = values.view(1, 1, 128, 128)
    out = deform_kernel_conv2d(
        x, torch.ones(1, 1, 1, 1), mask=mask, kernel_size=1, padding=0)
    assert torch.equal(out, mask.to(dtype))


def extra_memory(step):
    """Return the peak bytes of a step beyond those of its results."""
    if not process_memory.forget_peak():
        pytest.skip('this system does not report a peak of memory')
    step()
    ctypes.CDLL('libc.so.6').malloc_trim(0)
    before = process_memory.resident_memory()
    process_memory.forget_peak()
    results = step()
    extra = process_memory.peak_resident_memory() - before
    return extra - sum(result.nbytes for result in results)


@pytest.mark.parametrize('groups', [32, 1], ids=['depthwise', 'dense'])
def test_no_float32_copy_of_the_maps(groups):
    x = torch.randn(1, 32, 700, 700).bfloat16()
    weight = torch.randn(32, 32 // groups, 4, 4)
    offsets = torch.randn(2, 1, 18, 700, 700)
    extra = extra_memory(lambda: [deform_kernel_conv2d(x, weight, *offsets)])
    # A quarter: tables, rings and what other libraries do meanwhile.
    assert extra <= .25 * 2 * x.nbytes


def test_no_float32_copy_of_the_maps_in_modulated_deform_conv():
    layer = ModulatedDeformConv2d(32, 32, 3, padding=1)
    x = torch.randn(1, 32, 700, 700).bfloat16()
    offset, mask = (torch.randn(1, taps, 700, 700) for taps in (18, 9))
    with torch.no_grad():
        extra = extra_memory(lambda: [layer(x, offset, mask)])
    assert extra <= .25 * 2 * x.nbytes


def test_no_float32_copy_of_the_gradients():
    """The dense form sums float32 gradients for the lines in reach."""
    x = torch.randn(1, 16, 700, 700).bfloat16().requires_grad_()
    offset = torch.randn(1, 18, 700, 700, requires_grad=True)
    out = deform_kernel_conv2d(x, torch.randn(16, 16, 3, 3), offset)
    grad_out = torch.ones_like(out)
    extra = extra_memory(lambda: torch.autograd.grad(
        out, [x, offset], grad_out, retain_graph=True))
    assert extra <= .25 * 2 * x.nbytes


@pytest.mark.parametrize('dtype', HALVES)
@pytest.mark.parametrize('groups', [1, 6])
def test_operators_keep_the_rules_of_torch(groups, dtype):
    case = Case(c_in=6, c_out=6, groups=groups)
    inputs, _ = drawn(case, dtype, torch.contiguous_format)
    form, start = ('depthwise', 1) if groups == 6 else ('dense', 2)
    operator = getattr(torch.ops.dksan_mm, f'{form}_forward').default
    x, weight, *others = (x.requires_grad_() for x in inputs.values())
    weight = weight.detach().flatten(start).requires_grad_()
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 5, 4, 4, 0, groups, 1]
    opcheck(operator, (x, weight, *others, settings))
    if form == 'dense':
        bias = torch.randn(6, requires_grad=True)
        opcheck(operator, (x, weight, *others, settings, bias))


@pytest.mark.parametrize('groups', [1, 6])
def test_second_derivatives(groups):
    case = Case(c_in=6, c_out=6, groups=groups)
    inputs, _ = drawn(case, torch.bfloat16, torch.contiguous_format)

    def second(x):
        x = x.detach().requires_grad_()
        out = deform_kernel_conv2d(**{**inputs, 'x': x}, **case.settings)
        grad, = torch.autograd.grad(
            out.float().square().sum() / 2, x, create_graph=True)
        return torch.autograd.grad(grad.float().square().sum() / 2, x)[0]

    expected = second(inputs['x'].float())
    actual = second(inputs['x'])
    assert actual.dtype == torch.bfloat16
    # Output, gradient and result are rounded to 8 bits.
    assert_close(
        actual.float(),
        expected,
        rtol=0,
        atol=0.02 * expected.abs().max().item())


@pytest.mark.parametrize('groups', [1, 6])
def test_types_that_do_not_go_together(groups):
    form, start = ('depthwise', 1) if groups == 6 else ('dense', 2)
    operator = getattr(torch.ops.dksan_mm, f'{form}_forward')
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 5, 4, 4, 0, groups, 1]
    inputs = Case(c_in=6, c_out=6, groups=groups).inputs()
    x, weight, *others = inputs.values()
    with pytest.raises(RuntimeError, match='Half and weight of Double'):
        operator(x.half(), weight.flatten(start), *others, settings)
