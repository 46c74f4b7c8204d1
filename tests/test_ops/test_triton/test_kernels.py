# Copyright (c) DKSAN-MM contributors.
"""The Triton kernels: in the interpreter on a CPU, compiled on a GPU.

tests/conftest.py chooses. They have not been run on a GPU yet.
"""
import pytest
import torch
from helpers.op_cases import NAMES, Case, defined_output, gradients
from helpers.triton_cases import (DEVICE, ROUNDING, SMALL, assert_defined,
                                  drawn, on_cpu)
from torch.library import opcheck
from torch.testing import assert_close

from dksan_mm.ops import DeformKernelConv2d, deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import dense_path
from dksan_mm.ops.triton import launch as triton_launch
from dksan_mm.ops.triton import path as triton_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not triton_path.available(), reason='triton is not installed'),
]
CASES = dict(
    every_input=Case(),
    multiplied=SMALL.but(c_in=2, groups=2, kernel_size=2),
    scope_1=SMALL.but(scope=1),
    scope_2=SMALL.but(scope=2, kernel_reach=2, kernel_size=2),
    scope_3=SMALL.but(scope=3),
    scope_5=SMALL.but(scope=5, kernel_reach=2),
    kernel_1=Case(kernel_size=1, padding=0),
    kernel_3x2=SMALL.but(kernel_size=(3, 2), scope=3),
    kernel_5=SMALL.but(kernel_size=5, scope=5, padding=2, size=(3, 2)),
    geometry=Case(size=(6, 7), stride=(2, 1), padding=(1, 2), dilation=(2, 1)),
    far=SMALL.but(image_reach=9, kernel_reach=9),
    one_pixel=SMALL.but(size=(1, 1)),
    one_row=SMALL.but(size=(1, 7), kernel_size=(1, 3), padding=(0, 1)),
    no_image_offset=SMALL.but(image_reach=None),
    no_kernel_offset=SMALL.but(kernel_reach=None),
    no_mask=SMALL.but(mask=False),
    only_image_offset=SMALL.but(kernel_reach=None, mask=False),
    only_kernel_offset=SMALL.but(image_reach=None, mask=False),
    only_mask=SMALL.but(image_reach=None, kernel_reach=None),
    # The last block is not full, of pixels or of channels.
    more_pixels=SMALL.but(c_in=2, c_out=2, groups=2, size=(13, 11)),
    odd_channels=SMALL.but(c_in=33, c_out=33, groups=33, size=(2, 3)),
    two_blocks=SMALL.but(
        batch=2,
        c_in=131,
        c_out=131,
        groups=131,
        size=(1, 2),
        kernel_size=(1, 3),
        padding=(0, 1)),
)


@pytest.fixture(autouse=True)
def backend():
    with set_backend('triton'):
        yield


@pytest.fixture
def small_blocks(monkeypatch):
    """Use several blocks per image, more than backward programs."""
    monkeypatch.setattr(triton_path, 'BLOCK', 16 * 16)
    for name in ('MAX_FORWARD_CHANNELS', 'MAX_BACKWARD_CHANNELS'):
        monkeypatch.setattr(triton_path, name, 16)


@pytest.fixture
def wide_indices(monkeypatch):
    """Use 64-bit indices, as for tensors beyond 2**31 numbers."""
    monkeypatch.setattr(triton_launch, 'MAX_NARROW', 0)


def check(case, inputs, grad_out, atol=ROUNDING):
    """Compare values and gradients with the definition; return the output."""
    leaves = {
        name: value.detach().requires_grad_()
        for name, value in inputs.items() if value is not None
    }
    out = deform_kernel_conv2d(**{**inputs, **leaves}, **case.settings)
    grads = torch.autograd.grad(out, list(leaves.values()), grad_out)
    found = dict(zip(leaves, grads), out=out)
    assert_defined(case, inputs, grad_out, found, atol)
    return out.detach()


@pytest.mark.parametrize('name', CASES)
def test_values_and_gradients(name):
    check(CASES[name], *drawn(CASES[name]))


@pytest.mark.parametrize('name', ['every_input', 'odd_channels'])
def test_several_blocks(small_blocks, name):
    case = CASES[name].but(
        batch=2, size=(3, 7), kernel_size=(1, 3), padding=(0, 1))
    check(case, *drawn(case))


def test_wide_indices(wide_indices):
    check(SMALL, *drawn(SMALL))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('halved', [('x', ), NAMES], ids=['x', 'all'])
def test_half_precision_is_rounded_once(dtype, halved):
    case = SMALL
    inputs, grad_out = drawn(case)
    for name in halved:
        inputs[name] = inputs[name].to(dtype)
    # Half a step of the short type (a whole one in the interpreter, which
    # cuts bfloat16 off), and nothing for all the sums before.
    check(case, inputs, grad_out.to(dtype), atol=torch.finfo(dtype).eps)


@pytest.mark.parametrize('magnitude', [3e9, float('inf')])
def test_huge_offsets_are_far_offsets(magnitude):
    case = SMALL
    inputs, _ = drawn(case)
    far = dict(inputs)
    for name in ('image_offset', 'kernel_offset'):
        sign = torch.randn_like(inputs[name]).sign()
        chosen = torch.rand_like(inputs[name]) < .3
        far[name] = inputs[name].where(~chosen, sign * 1e5)
        inputs[name] = inputs[name].where(~chosen, sign * magnitude)
    assert torch.equal(
        deform_kernel_conv2d(**inputs, **case.settings),
        deform_kernel_conv2d(**far, **case.settings))


@pytest.mark.parametrize('name', ['image_offset', 'kernel_offset'])
def test_nan_offset_shows_and_stays_in_its_pixels(name):
    case = SMALL
    inputs, grad_out = drawn(case)
    inputs[name][:, 1::2, 1] = float('nan')
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert out[:, :, 1].isnan().all()
    assert out[:, :, ::2].isfinite().all()
    mask = gradients(deform_kernel_conv2d, inputs, grad_out,
                     **case.settings)['mask']
    assert mask[:, :, ::2].isfinite().all()


def test_nan_spreads_only_to_outputs_that_read_it():
    case = SMALL.but(image_reach=4)
    inputs, _ = drawn(case)
    inputs['x'][:, :, 0, 0] = float('nan')
    out = deform_kernel_conv2d(**inputs, **case.settings)
    expected = defined_output(case, on_cpu(inputs)).isnan()
    assert 0 < expected.sum() < expected.numel()
    assert torch.equal(out.isnan().cpu(), expected)


def test_no_gradient_beyond_scope_and_frame():
    case = SMALL
    inputs, grad_out = drawn(case)
    inputs['kernel_offset'][:, 0::4] = 3.7
    inputs['kernel_offset'][:, 2::4] = -3.7
    grads = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    assert (grads['kernel_offset'][:, 0::2] == 0).all()
    assert (grads['kernel_offset'][:, 1::2] != 0).any()
    inputs['image_offset'][:, 0::2] = 50.3
    grads = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    for name in NAMES:
        assert (grads[name] == 0).all(), name


def test_slopes_on_grid_lines_are_those_of_pure_torch():
    case = SMALL.but(scope=3)
    inputs, grad_out = drawn(case)
    for name in ('image_offset', 'kernel_offset'):
        inputs[name] = inputs[name].round()
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    with set_backend('torch'):
        expected = gradients(deform_kernel_conv2d, inputs, grad_out,
                             **case.settings)
    assert_close(actual, expected, rtol=0, atol=3 * ROUNDING)


def channels_last(value):
    return value.to(memory_format=torch.channels_last)


def transposed(value):
    return value.transpose(2, 3).contiguous().transpose(2, 3)


def expanded(value):
    return value[:, :, :1, :1].expand_as(value)


@pytest.mark.parametrize('layout', [channels_last, transposed, expanded])
@pytest.mark.parametrize(
    'names', [('x', ), NAMES[2:], NAMES], ids=['x', 'offsets', 'all'])
def test_memory_layouts(layout, names):
    case = SMALL.but(batch=2, kernel_size=(1, 2), padding=(0, 1))
    inputs, grad_out = drawn(case)
    for name in names:
        inputs[name] = layout(inputs[name])
    out = check(case, inputs, layout(grad_out))
    last = layout is channels_last and 'x' in names
    assert last == out.is_contiguous(memory_format=torch.channels_last)


def test_empty_batch():
    case = SMALL.but(batch=0)
    inputs, grad_out = drawn(case)
    grads = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    for name, grad in grads.items():
        assert grad.shape == inputs[name].shape
    assert (grads['weight'] == 0).all()


@pytest.mark.parametrize('name', NAMES)
def test_gradient_of_one_input_alone(name):
    case = SMALL
    inputs, grad_out = drawn(case)
    expected = gradients(deform_kernel_conv2d, inputs, grad_out,
                         **case.settings)[name]
    leaf = inputs[name].requires_grad_()
    deform_kernel_conv2d(**inputs, **case.settings).backward(grad_out)
    assert_close(leaf.grad, expected, rtol=0, atol=ROUNDING)


def test_operator_keeps_the_rules_of_torch():
    case = SMALL.but(size=(2, 3), kernel_size=1, padding=0)
    inputs, _ = drawn(case)
    inputs['weight'] = inputs['weight'].flatten(1)
    tensors = [inputs[name].requires_grad_() for name in NAMES]
    settings = [1, 1, 1, 1, 0, 0, 1, 1, 2, 3, 4]
    opcheck(torch.ops.dksan_mm.triton_forward.default, (*tensors, settings))


@pytest.mark.parametrize('groups', [1, 4])
def test_compile_in_one_graph(groups):
    layer = DeformKernelConv2d(4, 4, groups=groups).to(DEVICE)
    compiled = torch.compile(layer, fullgraph=True, backend='aot_eager')
    x = torch.randn(1, 4, 3, 5, device=DEVICE, requires_grad=True)
    grad, = torch.autograd.grad(compiled(x).square().sum(), x)
    expected, = torch.autograd.grad(layer(x).square().sum(), x)
    assert_close(grad, expected, rtol=0, atol=ROUNDING)


def test_autocast_leaves_the_precision_alone():
    case = SMALL
    inputs, _ = drawn(case)
    expected = deform_kernel_conv2d(**inputs, **case.settings)
    with torch.autocast(DEVICE, torch.bfloat16):
        out = deform_kernel_conv2d(**inputs, **case.settings)
    assert torch.equal(out, expected)


@pytest.mark.parametrize('groups', [1, 4])
def test_float64_goes_through_torch(groups, monkeypatch):
    monkeypatch.setattr(triton_path, 'convolve', None)
    monkeypatch.setattr(dense_path, 'convolve', None)
    case = SMALL.but(groups=groups)
    inputs, _ = drawn(case, torch.float64)
    expected = defined_output(case, on_cpu(inputs))
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert_close(out.cpu().double(), expected, rtol=0, atol=3 * ROUNDING)
