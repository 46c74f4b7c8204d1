# Copyright (c) DKSAN-MM contributors.
"""``deform_kernel_conv2d`` in cases in which other operators are equal."""
import pytest
import torch
import torch.nn.functional as F
from helpers.op_cases import Case, gradients
from torch.testing import assert_close
from torchvision.ops import deform_conv2d

from dksan_mm.ops import deform_kernel_conv2d

# Forms by (c_in, c_out, groups).
FORMS = dict(depthwise=(6, 6, 6), dense=(5, 4, 1), grouped=(6, 4, 2))

# Rows: taps of a 3-tap kernel; columns: how they read a scope of S weights.
RESAMPLE_3 = {
    1: [[1.], [1.], [1.]],
    2: [[1., 0.], [.5, .5], [0., 1.]],
    3: [[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]],
    4: [[.5, .5, 0., 0.], [0., .5, .5, 0.], [0., 0., .5, .5]],
    5: [[0., 1., 0., 0., 0.], [0., 0., 1., 0., 0.], [0., 0., 0., 1., 0.]],
}


def case_of(form, **settings):
    c_in, c_out, groups = FORMS[form]
    return Case(c_in=c_in, c_out=c_out, groups=groups, **settings)


def geometry(case):
    return dict(
        stride=case.stride, padding=case.padding, dilation=case.dilation)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('scope', RESAMPLE_3)
@pytest.mark.parametrize('absent', [True, False])
def test_zero_offsets_are_a_convolution(form, scope, absent):
    case = case_of(form, scope=scope, stride=(1, 2), size=(7, 6), mask=False)
    inputs = case.inputs()
    for name in ('image_offset', 'kernel_offset'):
        inputs[name] = None if absent else torch.zeros_like(inputs[name])
    rows = torch.tensor(RESAMPLE_3[scope], dtype=torch.float64)
    kernel = rows @ inputs['weight'] @ rows.T
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        F.conv2d(inputs['x'], kernel, groups=case.groups, **geometry(case)),
        rtol=0,
        atol=1e-13)


def test_scope_of_four_starts_as_means_of_2x2_blocks():
    case = Case(image_reach=None, kernel_reach=None, mask=False)
    inputs = case.inputs()
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        F.conv2d(
            inputs['x'],
            F.avg_pool2d(inputs['weight'], 2, 1),
            padding=1,
            groups=4),
        rtol=0,
        atol=1e-13)


def torchvision_op(x, weight, image_offset, kernel_offset, mask, kernel_size,
                   stride, padding, dilation):
    return deform_conv2d(x, image_offset, weight, None, stride, padding,
                         dilation, mask)


def mmcv_op(x, weight, image_offset, kernel_offset, mask, kernel_size, stride,
            padding, dilation):
    from mmcv.ops import modulated_deform_conv2d
    if mask is None:
        mask = torch.ones_like(image_offset[:, ::2])
    groups = x.shape[1] // weight.shape[1]
    return modulated_deform_conv2d(x, image_offset, mask, weight, None, stride,
                                   padding, dilation, groups, 1)


@pytest.mark.parametrize('oracle', [torchvision_op, mmcv_op])
@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('kernel_size', [1, 3])
@pytest.mark.parametrize(
    'settings', [
        dict(),
        dict(mask=False),
        dict(image_reach=6),
        dict(stride=2, padding=2),
        dict(padding=0, dilation=2, batch=1),
        dict(stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    ],
    ids=str)
def test_without_kernel_offsets_it_is_a_deformable_convolution(
        oracle, form, kernel_size, settings):
    case = case_of(
        form,
        kernel_size=kernel_size,
        scope=kernel_size,
        size=(9, 8),
        kernel_reach=None).but(**settings)
    inputs = case.inputs()
    expected = oracle(**inputs, **case.settings)
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert_close(out, expected, rtol=0, atol=1e-12)
    inputs['kernel_offset'] = torch.zeros_like(inputs['image_offset'])
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert_close(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('oracle', [torchvision_op, mmcv_op])
@pytest.mark.parametrize('form', FORMS)
def test_gradients_of_a_deformable_convolution(oracle, form):
    case = case_of(
        form, scope=3, size=(9, 8), kernel_reach=None, image_reach=3)
    inputs = case.inputs()
    grad_out = torch.randn(2, case.c_out, 9, 8, dtype=torch.float64)
    expected = gradients(oracle, inputs, grad_out, **case.settings)
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    assert_close(actual, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('form', FORMS)
def test_one_kernel_offset_for_all_pixels_is_another_kernel(form):
    # On an image far larger than the loops of the reference can do; reads
    # the scope half-way between weights.
    case = case_of(form, scope=4, size=(61, 83), batch=1, image_reach=5)
    inputs = case.inputs()
    up_and_right = torch.tensor([-.5, .5] * 9, dtype=torch.float64)
    inputs['kernel_offset'] = up_and_right.view(1, 18, 1,
                                                1).expand(1, 18, 61, 83)
    kernel = inputs['weight'][:, :, 0:3, 1:4]
    grad_out = torch.randn(1, case.c_out, 61, 83, dtype=torch.float64)
    moved = {**inputs, 'weight': kernel, 'kernel_offset': None}
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        torchvision_op(**moved, **case.settings),
        rtol=0,
        atol=1e-11)
    expected = gradients(torchvision_op, moved, grad_out, **case.settings)
    actual = gradients(deform_kernel_conv2d, inputs, grad_out, **case.settings)
    for name in ('x', 'image_offset', 'mask'):
        assert_close(actual[name], expected[name], rtol=0, atol=1e-11)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('dy, dx', [(1, -2), (-3, 0), (9, 9)])
def test_whole_image_offsets_shift_the_image(form, dy, dx):
    case = case_of(form, scope=3, size=(6, 7), kernel_reach=None, mask=False)
    inputs = case.inputs()
    shift = torch.tensor([dy, dx] * 9, dtype=torch.float64)
    inputs['image_offset'] = shift.view(1, 18, 1, 1).expand(2, 18, 6, 7)
    frame = F.pad(inputs['x'], [10] * 4)
    shifted = frame[:, :, 9 + dy:17 + dy, 9 + dx:18 + dx]
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        F.conv2d(shifted, inputs['weight'], groups=case.groups),
        rtol=0,
        atol=1e-13)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('dy, rows', [(0, [0, 1, 2]), (1, [1, 2, 2]),
                                      (-1, [0, 0, 1]), (7, [2, 2, 2])])
@pytest.mark.parametrize('dx, cols', [(0, [0, 1, 2]), (-2, [0, 0, 0]),
                                      (1, [1, 2, 2])])
def test_whole_kernel_offsets_pick_clamped_weights(form, dy, rows, dx, cols):
    case = case_of(form, scope=3, image_reach=None, mask=False)
    inputs = case.inputs()
    shift = torch.tensor([dy, dx] * 9, dtype=torch.float64)
    inputs['kernel_offset'] = shift.view(1, 18, 1, 1).expand(2, 18, 5, 4)
    picked = inputs['weight'][:, :, rows][:, :, :, cols]
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        F.conv2d(inputs['x'], picked, padding=1, groups=case.groups),
        rtol=0,
        atol=1e-13)


@pytest.mark.parametrize('form', FORMS)
def test_translation(form):
    case = case_of(form, size=(6, 7), image_reach=4)
    inputs = case.inputs()
    frame = (4, 5, 2, 3)
    moved = {
        name: value if name == 'weight' else F.pad(value, frame)
        for name, value in inputs.items()
    }
    assert_close(
        deform_kernel_conv2d(**moved, **case.settings)[..., 2:-3, 4:-5],
        deform_kernel_conv2d(**inputs, **case.settings),
        rtol=0,
        atol=1e-13)


def test_depthwise_is_dense_with_a_diagonal_kernel():
    case = case_of('depthwise')
    inputs = case.inputs()
    dense = torch.diag_embed(inputs['weight'][:, 0].permute(1, 2, 0))
    dense = dense.permute(2, 3, 0, 1)
    assert_close(
        deform_kernel_conv2d(**{
            **inputs, 'weight': dense
        }, **case.settings),
        deform_kernel_conv2d(**inputs, **case.settings),
        rtol=0,
        atol=1e-13)
