# Copyright (c) DKSAN-MM contributors.
"""The dense kernels in Triton's interpreter against the definition.

The modulated deformable convolution is compared with the C++ operator.
"""
import pytest
import torch
from helpers.op_cases import gradients
from helpers.triton_cases import ROUNDING
from helpers.triton_cases import SMALL as DEPTHWISE
from helpers.triton_cases import TINY, assert_defined, drawn
from torch.library import opcheck
from torch.testing import assert_close

from dksan_mm.ops import deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import dense_path

pytest.importorskip('dksan_mm.ops.triton.dense_kernels')
pytest.importorskip('dksan_mm.ops.triton.dense_parts')
SMALL = DEPTHWISE.but(groups=1)
CASES = dict(
    dense=SMALL.but(batch=2),
    groups=SMALL.but(groups=2, c_out=6),
    scope_1=SMALL.but(scope=1),
    scope_3=SMALL.but(scope=3),
    scope_5=SMALL.but(scope=5, kernel_reach=2),
    kernel_3x2=SMALL.but(kernel_size=(3, 2), scope=3),
    geometry=SMALL.but(
        size=(6, 7), stride=(2, 1), padding=(1, 2), dilation=(2, 1)),
    far=SMALL.but(image_reach=9, kernel_reach=9),
    no_image_offset=SMALL.but(image_reach=None),
    no_kernel_offset=SMALL.but(kernel_reach=None),
    no_kernel_offset_in_groups=SMALL.but(kernel_reach=None, groups=2),
    no_mask=SMALL.but(mask=False),
    only_kernel_offset=SMALL.but(image_reach=None, mask=False),
    only_mask=SMALL.but(image_reach=None, kernel_reach=None),
    # The last block is not full, of pixels, channels or outputs.
    several_blocks=SMALL.but(
        c_in=20, c_out=67, size=(5, 8), kernel_size=(1, 2), padding=(0, 1)),
    several_blocks_at_rest=SMALL.but(
        c_in=20,
        c_out=130,
        size=(9, 8),
        kernel_reach=None,
        kernel_size=(1, 2),
        padding=(0, 1)),
)
# Channels, outputs, groups of channels, groups of offsets.
GROUPINGS = [(8, 4, 4, 2), (6, 4, 2, 3), (48, 4, 1, 2)]


def run(case, inputs, grad_out):
    with set_backend('triton'):
        found = gradients(deform_kernel_conv2d, inputs, grad_out,
                          **case.settings)
        found['out'] = deform_kernel_conv2d(**inputs, **case.settings)
    return found


def check(case, dtype=torch.float32, rounding=ROUNDING):
    inputs, grad_out = drawn(case, dtype)
    found = run(case, inputs, grad_out)
    assert_defined(case, inputs, grad_out, found, rounding)


def test_mixed_columns_are_the_definition():
    check(TINY)


def test_taps_at_rest_are_the_definition():
    check(TINY.but(kernel_reach=None))


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_values_and_gradients(name):
    check(CASES[name])


@pytest.mark.slow
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('name', ['dense', 'no_kernel_offset'])
def test_half_precision_is_rounded_once(name, dtype):
    check(CASES[name], dtype, torch.finfo(dtype).eps)


@pytest.mark.slow
@pytest.mark.parametrize('reach', [1, None], ids=['mixed', 'at rest'])
def test_channels_last_comes_back_channels_last(reach):
    case = SMALL.but(batch=2, kernel_reach=reach)
    inputs, grad_out = drawn(case)
    expected = run(case, inputs, grad_out)
    last = {
        name:
        value if value is None else value.to(memory_format=torch.channels_last)
        for name, value in inputs.items()
    }
    found = run(case, last, grad_out)
    assert found['out'].is_contiguous(memory_format=torch.channels_last)
    assert_close(found, expected, rtol=0, atol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize('reach', [1, None], ids=['mixed', 'at rest'])
@pytest.mark.parametrize(
    'name', ['x', 'weight', 'image_offset', 'kernel_offset', 'mask'])
def test_gradient_of_one_input_alone(name, reach):
    case = SMALL.but(kernel_reach=reach)
    inputs, grad_out = drawn(case)
    if inputs[name] is None:
        pytest.skip('no such input')
    expected = run(case, inputs, grad_out)[name]
    leaf = inputs[name].requires_grad_()
    with set_backend('triton'):
        deform_kernel_conv2d(**inputs, **case.settings).backward(grad_out)
    assert_close(leaf.grad, expected, rtol=0, atol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize('reach', [1, None], ids=['mixed', 'at rest'])
def test_empty_batch(reach):
    case = SMALL.but(batch=0, kernel_reach=reach)
    inputs, grad_out = drawn(case)
    found = run(case, inputs, grad_out)
    for name, value in inputs.items():
        assert value is None or found[name].shape == value.shape
    assert (found['weight'] == 0).all()


@pytest.mark.slow
def test_operator_keeps_the_rules_of_torch():
    case = TINY
    inputs, _ = drawn(case)
    inputs['weight'] = inputs['weight'].flatten(2)
    tensors = [value.requires_grad_() for value in inputs.values()]
    settings = [1, 2, 1, 1, 0, 1, 1, 1, *case.out_size, 2, 0, 1, 1]
    opcheck(torch.ops.dksan_mm.triton_dense_forward.default,
            (*tensors, settings))


@pytest.mark.slow
@pytest.mark.parametrize('c_in, c_out, groups, sets', GROUPINGS)
def test_modulated_convolution_of_any_grouping(c_in, c_out, groups, sets,
                                               monkeypatch):
    from dksan_mm.ops import ModulatedDeformConv2d
    calls, forward = [], dense_path.forward
    monkeypatch.setattr(dense_path, 'forward',
                        lambda *args: calls.append(1) or forward(*args))
    layer = ModulatedDeformConv2d(
        c_in, c_out, 3, padding=1, groups=groups, deform_groups=sets)
    x = torch.randn(2, c_in, 3, 4, requires_grad=True)
    offset = torch.randn(2, 18 * sets, 3, 4)
    # On grid lines too, and exactly one pixel outside.
    offset[:, ::4] = offset[:, ::4].round()
    offset.requires_grad_()
    mask = torch.rand(2, 9 * sets, 3, 4, requires_grad=True)
    leaves = [x, offset, mask, *layer.parameters()]
    grad_out = torch.randn(2, c_out, 3, 4)
    results = []
    for backend in ('triton', 'cpp'):
        with set_backend(backend):
            out = layer(x, offset, mask)
            results.append([out, *torch.autograd.grad(out, leaves, grad_out)])
    assert len(calls) == 1
    assert_close(*results, rtol=0, atol=10 * ROUNDING)


@pytest.mark.slow
def test_second_derivatives_go_through_torch():
    case = TINY
    inputs, _ = drawn(case)
    x = inputs['x'].requires_grad_()
    results = []
    for backend in ('triton', 'torch'):
        with set_backend(backend):
            out = deform_kernel_conv2d(**inputs, **case.settings)
            grad, = torch.autograd.grad(
                out.square().sum(), x, create_graph=True)
            results += torch.autograd.grad(grad.square().sum(), x)
    assert_close(*results, rtol=0, atol=10 * ROUNDING)


def test_parts_and_shares():
    x = torch.empty(2, 48, 8, 8, device='meta')
    weight = torch.empty(64, 48, 9, device='meta')
    offset = torch.empty(2, 36, 8, 8, device='meta')
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 8, 8, 3, 0, 1, 2]
    shares = dense_path.sums([x, weight, offset, None, None],
                             [True, True, True, False, False], settings)
    # Two blocks of 32 pixels an image; 24 channels a set are two chunks.
    assert shares[1].shape == (4, 1, 9, 48, 64)
    assert shares[2].shape == (4, 36, 8, 8)
