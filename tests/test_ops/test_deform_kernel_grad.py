# Copyright (c) DKSAN-MM contributors.
"""Gradients of ``deform_kernel_conv2d``."""
import numpy as np
import pytest
import torch
from helpers.op_cases import (NAMES, Case, as_arrays, defined_gradients,
                              gradients)
from helpers.op_reference import (deform_kernel_conv2d_gradients,
                                  deform_kernel_conv2d_reference)
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from dksan_mm.ops import deform_kernel_conv2d

CASES = dict(
    depthwise=Case(),
    dense=Case(c_in=3, c_out=2, groups=1),
    grouped=Case(c_in=4, c_out=6, groups=2),
    multiplied=Case(c_in=2, c_out=6, groups=2),
    scope_1=Case(scope=1),
    scope_2=Case(scope=2, kernel_reach=2),
    scope_3=Case(scope=3, groups=1),
    scope_5=Case(scope=5, groups=2, kernel_reach=2),
    kernel_1=Case(kernel_size=1, padding=0),
    kernel_3x1=Case(kernel_size=(3, 1), padding=(1, 0)),
    kernel_3x2=Case(kernel_size=(3, 2), scope=3),
    geometry=Case(
        size=(6, 7), stride=(2, 1), padding=(1, 2), dilation=(2, 1), groups=2),
    far=Case(image_reach=9, kernel_reach=9),
    far_dense=Case(image_reach=9, kernel_reach=9, groups=1),
    one_pixel=Case(size=(1, 1)),
    one_row=Case(size=(1, 7), groups=1),
    no_offsets=Case(image_reach=None, kernel_reach=None, groups=2),
    no_image_offset=Case(image_reach=None),
    no_kernel_offset=Case(kernel_reach=None, groups=1),
    no_mask=Case(mask=False),
    only_image_offset=Case(kernel_reach=None, mask=False),
    only_kernel_offset=Case(image_reach=None, mask=False, groups=1),
    # Large enough to be worked on in several pieces.
    many_pixels=Case(batch=1, c_in=2, c_out=2, groups=2, size=(37, 29)),
)


def drawn(case, dtype=torch.float64):
    grad_out = torch.randn(case.batch, case.c_out, *case.out_size)
    return case.inputs(dtype), grad_out.to(dtype)


@pytest.mark.parametrize('name', CASES)
def test_every_gradient(name):
    case = CASES[name]
    inputs, grad_out = drawn(case)
    expected = defined_gradients(case, inputs, grad_out)
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    assert_close(actual, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('c_in, groups', [(2, 2), (2, 1), (4, 2)])
@pytest.mark.parametrize('name', NAMES)
def test_gradcheck(name, c_in, groups):
    case = Case(batch=1, c_in=c_in, c_out=2, groups=groups, size=(2, 3))
    inputs = case.inputs()
    others = {key: value for key, value in inputs.items() if key != name}

    def op(value):
        return deform_kernel_conv2d(**others, **{name: value}, **case.settings)

    # The positions keep 0.1 off the kinks, the steps are 1e-6.
    assert gradcheck(op, inputs[name].requires_grad_())


@pytest.mark.parametrize('name', [
    'scope_1', 'scope_3', 'scope_5', 'kernel_3x2', 'geometry', 'far',
    'far_dense', 'no_image_offset', 'no_kernel_offset', 'no_mask'
])
def test_gradcheck_of_all_inputs_together(name):
    case = CASES[name]
    inputs = case.inputs()
    present = [key for key in NAMES if inputs[key] is not None]

    def op(*values):
        return deform_kernel_conv2d(**{
            **inputs,
            **dict(zip(present, values))
        }, **case.settings)

    assert gradcheck(
        op, [inputs[key].requires_grad_() for key in present], fast_mode=True)


@pytest.mark.parametrize('groups', [1, 4])
@pytest.mark.parametrize('name', NAMES)
def test_gradient_of_one_input_alone(name, groups):
    # What need not be computed may be skipped, what is left must not change.
    case = Case(groups=groups)
    inputs, grad_out = drawn(case)
    together = gradients(deform_kernel_conv2d, inputs, grad_out,
                         **case.settings)
    inputs[name].requires_grad_()
    deform_kernel_conv2d(**inputs, **case.settings).backward(grad_out)
    assert_close(inputs[name].grad, together[name], rtol=0, atol=1e-12)
    assert all(inputs[key].grad is None for key in NAMES if key != name)


@pytest.mark.parametrize('groups', [1, 4])
@pytest.mark.parametrize('name', ['image_offset', 'kernel_offset'])
@pytest.mark.parametrize('scope', [1, 3, 4])
def test_gradient_on_a_kink_is_between_the_two_slopes(scope, name, groups):
    # A fresh layer has offsets of exactly 0: every position is on a kink of
    # the image and, if S - K is even, of the kernel.
    case = Case(batch=1, groups=groups, scope=scope, size=(3, 3))
    inputs, grad_out = drawn(case)
    for key in ('image_offset', 'kernel_offset'):
        inputs[key].zero_()
    actual = gradients(deform_kernel_conv2d, inputs, grad_out,
                       **case.settings)[name].flatten()

    arrays = as_arrays(inputs)

    def loss(index, step):
        offset = arrays[name].copy()
        offset.flat[index] += step
        out = deform_kernel_conv2d_reference(**{
            **arrays, name: offset
        }, **case.settings)
        return (out * grad_out.numpy()).sum()

    # The loss is linear in each offset on either side of the kink.
    centre, step = loss(0, 0.), 2.**-10
    for index in range(0, actual.numel(), 5):
        left = (centre - loss(index, -step)) / step
        right = (loss(index, step) - centre) / step
        low, high = min(left, right) - 1e-9, max(left, right) + 1e-9
        assert low <= actual[index] <= high, (index, left, right)


@pytest.mark.parametrize('scope', [3, 4])
def test_kernel_offset_learns_from_zero(scope):
    # With S = K the outer taps start on the edge of the scope: there the
    # slope towards the inside must be taken, not that of the clamped side
    # for both axes of every tap.
    case = Case(scope=scope)
    inputs, grad_out = drawn(case)
    inputs['kernel_offset'].zero_()
    grad = gradients(deform_kernel_conv2d, inputs, grad_out,
                     **case.settings)['kernel_offset']
    per_channel = grad.abs().amax(dim=(0, 2, 3))
    centre_tap = per_channel[8:10]
    assert (centre_tap > 0).all()
    assert (per_channel > 0).float().mean() >= .5


def test_kernel_offset_beyond_the_scope_gets_no_gradient():
    case = Case()
    inputs, grad_out = drawn(case)
    inputs['kernel_offset'][:, 0::4] = 3.7
    inputs['kernel_offset'][:, 2::4] = -3.7
    grad = gradients(deform_kernel_conv2d, inputs, grad_out,
                     **case.settings)['kernel_offset']
    assert (grad[:, 0::2] == 0).all()
    assert (grad[:, 1::2] != 0).any()


def test_image_offset_outside_the_frame_gets_no_gradient():
    case = Case()
    inputs, grad_out = drawn(case)
    inputs['image_offset'][:, 0::2] = 50.3
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    for name in NAMES:
        assert (actual[name] == 0).all(), name


@pytest.mark.parametrize('groups', [1, 2, 4])
def test_float32(groups):
    case = Case(groups=groups)
    inputs, grad_out = drawn(case, torch.float32)
    expected = defined_gradients(case, inputs, grad_out)
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    assert {value.dtype for value in actual.values()} == {torch.float32}
    assert_close(actual, expected, rtol=1e-5, atol=3e-5, check_dtype=False)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('groups', [1, 4])
def test_half_precision_gradients_are_rounded_once(groups, dtype):
    case = Case(groups=groups)
    inputs, grad_out = drawn(case, torch.float32)
    halved = {name: value.to(dtype) for name, value in inputs.items()}
    exact = {name: value.float() for name, value in halved.items()}
    grad_out = grad_out.to(dtype)
    actual = gradients(deform_kernel_conv2d, halved, grad_out, **case.settings)
    expected = gradients(deform_kernel_conv2d, exact, grad_out.float(),
                         **case.settings)
    for name, value in actual.items():
        assert value.dtype == dtype
        assert torch.equal(value, expected[name].to(dtype)), name


@pytest.mark.parametrize('groups', [1, 4])
def test_gradient_of_a_sum(groups):
    # The gradient of a sum arrives as one number expanded to all places.
    case = Case(groups=groups)
    inputs, _ = drawn(case)
    for value in inputs.values():
        value.requires_grad_()
    out = deform_kernel_conv2d(**inputs, **case.settings)
    out.sum().backward()
    actual = {name: value.grad for name, value in inputs.items()}
    expected = defined_gradients(case, inputs, torch.ones_like(out).detach())
    assert_close(actual, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('groups', [1, 4])
def test_layouts_of_inputs_and_gradient(groups):
    case = Case(groups=groups)
    inputs, grad_out = drawn(case)
    expected = defined_gradients(case, inputs, grad_out)
    actual = gradients(
        deform_kernel_conv2d, {
            name: value.to(memory_format=torch.channels_last)
            for name, value in inputs.items()
        },
        grad_out.transpose(2, 3).contiguous().transpose(2, 3), **case.settings)
    assert_close(actual, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('groups', [1, 4])
def test_shared_offsets_collect_their_gradients(groups):
    # Offsets expanded from one set per image, as in a global DK.
    case = Case(groups=groups)
    inputs, grad_out = drawn(case)
    shared = inputs['kernel_offset'][:, :, :1, :1].clone().requires_grad_()
    inputs['kernel_offset'] = shared.expand_as(inputs['kernel_offset'])
    deform_kernel_conv2d(**inputs, **case.settings).backward(grad_out)
    expected = defined_gradients(case, inputs, grad_out)['kernel_offset']
    assert_close(
        shared.grad, expected.sum((2, 3), keepdim=True), rtol=0, atol=1e-11)


SECOND = dict(
    depthwise=Case(batch=1, c_in=2, c_out=2, groups=2, size=(2, 3)),
    dense=Case(batch=1, c_in=2, c_out=2, groups=1, size=(2, 2)),
    grouped=Case(batch=1, groups=2, size=(2, 2), scope=3),
    multiplied=Case(batch=1, c_in=2, groups=2, size=(2, 2)),
    no_image_offset=Case(batch=1, groups=4, size=(2, 2), image_reach=None),
    no_kernel_offset=Case(
        batch=1, groups=4, size=(2, 2), kernel_reach=None, mask=False),
)


def function_of(case):
    """Return the operator as a function of tensors, and such tensors."""
    inputs = case.inputs()
    names = [name for name in NAMES if inputs[name] is not None]

    def op(*values):
        return deform_kernel_conv2d(**{
            **inputs,
            **dict(zip(names, values))
        }, **case.settings)

    return op, [inputs[name] for name in names]


@pytest.mark.parametrize('name', SECOND)
def test_forward_mode_and_second_derivatives(name):
    op, values = function_of(SECOND[name])
    leaves = [value.requires_grad_() for value in values]
    # They compare with numerical differences.
    assert gradcheck(op, leaves, fast_mode=True, check_forward_ad=True)
    assert gradgradcheck(
        op,
        leaves,
        fast_mode=True,
        check_rev_over_rev=True,
        check_fwd_over_rev=True)


@pytest.mark.parametrize('groups', [1, 4])
def test_mixed_second_derivative_against_the_reference(groups):
    case = Case(batch=1, groups=groups, size=(3, 3))
    inputs, grad_out = drawn(case)
    offset = inputs['kernel_offset'].requires_grad_()
    weight = inputs['weight'].requires_grad_()

    def first(values):
        arrays = as_arrays({**inputs, 'kernel_offset': values})
        return deform_kernel_conv2d_gradients(grad_out.numpy(), **arrays,
                                              **case.settings)['weight']

    out = deform_kernel_conv2d(**inputs, **case.settings)
    direction = torch.randn_like(weight)
    grad, = torch.autograd.grad(out, weight, grad_out, create_graph=True)
    second, = torch.autograd.grad(grad, offset, direction)
    step = 1e-3 * torch.randn_like(offset).clamp(-3, 3)
    change = first(offset + step) - first(offset - step)
    assert np.isclose(
        (change * direction.numpy()).sum() / 2, (second * step).sum().item(),
        rtol=1e-5)


@pytest.mark.parametrize('groups', [1, 4])
def test_transforms_of_torch_func(groups):
    op, values = function_of(Case(batch=1, groups=groups, size=(2, 2)))
    x, weight, *others = values

    def loss(x):
        return op(x, weight, *others).square().sum()

    hessian = torch.func.hessian(loss)(x)
    # The loss is a quadratic form of x.
    assert_close(
        torch.einsum('abcdefgh,abcd,efgh->', hessian, x, x) / 2,
        loss(x),
        rtol=0,
        atol=1e-10)
    assert_close(
        torch.autograd.functional.hessian(loss, x, strict=True),
        hessian,
        rtol=0,
        atol=1e-11)
    several = torch.stack([x, 2 * x])
    grads = torch.func.vmap(torch.func.grad(loss))(several)
    leaf = x.clone().requires_grad_()
    expected, = torch.autograd.grad(loss(leaf), leaf)
    assert_close(grads[1], 2 * expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('groups', [1, 4])
def test_a_traced_size_is_not_kept_in_silence(groups):
    op, values = function_of(Case(groups=groups))
    with pytest.raises(RuntimeError, match='use torch.export'):
        torch.jit.trace(op, tuple(values))


def test_training_step_repeats_exactly():
    case = Case(size=(23, 31))
    inputs, grad_out = drawn(case)
    first, second = (
        gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
        for _ in range(2))
    assert_close(second, first, rtol=0, atol=1e-12)
