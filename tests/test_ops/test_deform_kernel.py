# Copyright (c) DKSAN-MM contributors.
"""Values of ``deform_kernel_conv2d`` against its definition."""
from itertools import product

import pytest
import torch
from helpers.op_cases import NAMES, Case, defined_output
from torch.testing import assert_close

from dksan_mm.ops import deform_kernel_conv2d

DEPTHWISE = Case()
DENSE = Case(c_in=3, c_out=2, groups=1)
GROUPED = Case(c_in=4, c_out=6, groups=2)
FORMS = dict(depthwise=DEPTHWISE, dense=DENSE, grouped=GROUPED)


def check(case: Case, inputs=None) -> None:
    inputs = inputs or case.inputs()
    assert_close(
        deform_kernel_conv2d(**inputs, **case.settings),
        defined_output(case, inputs),
        rtol=0,
        atol=1e-12)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('image, kernel, mask',
                         list(product((None, 1), (None, 1), (False, True))))
def test_optional_inputs(form, image, kernel, mask):
    check(FORMS[form].but(image_reach=image, kernel_reach=kernel, mask=mask))


@pytest.mark.parametrize('kernel_size', [1, 2, 3, 5, (3, 1), (1, 3), (3, 2)])
@pytest.mark.parametrize('scope', [1, 2, 3, 4, 5])
def test_scope_and_kernel_size(scope, kernel_size):
    check(
        Case(
            c_in=2,
            c_out=2,
            groups=2,
            scope=scope,
            batch=1,
            kernel_size=kernel_size))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('scope', [1, 3, 5])
def test_scope_of_every_form(form, scope):
    check(FORMS[form].but(scope=scope, size=(3, 4)))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(
    'settings', [
        dict(stride=2),
        dict(stride=(2, 1), padding=(1, 0)),
        dict(stride=(1, 3), padding=2),
        dict(padding=0),
        dict(padding=(0, 3)),
        dict(dilation=2, padding=2),
        dict(dilation=(2, 1), padding=(1, 0)),
        dict(stride=2, padding=(3, 2), dilation=(1, 3), kernel_size=(2, 3)),
        dict(kernel_size=1, padding=0, stride=2),
    ],
    ids=str)
def test_geometry(form, settings):
    check(FORMS[form].but(size=(5, 7), batch=1, **settings))


@pytest.mark.parametrize('c_in, c_out, groups', [
    (1, 1, 1),
    (1, 5, 1),
    (5, 1, 1),
    (3, 6, 3),
    (6, 4, 2),
    (6, 3, 3),
    (33, 33, 33),
])
def test_channels_and_groups(c_in, c_out, groups):
    check(Case(c_in=c_in, c_out=c_out, groups=groups, batch=1, size=(3, 2)))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(
    'size', [(1, 1), (1, 7), (7, 1), (7, 5), (2, 2)], ids=str)
def test_any_size(form, size):
    check(FORMS[form].but(size=size))


@pytest.mark.parametrize('form', FORMS)
def test_offsets_that_leave_frame_and_scope(form):
    check(FORMS[form].but(image_reach=12, kernel_reach=12))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('magnitude', [3e4, 3e9, 1e20])
def test_huge_offsets(form, magnitude):
    # Beyond 32- and 64-bit integers: far outside is still just outside.
    case = FORMS[form]
    inputs = case.inputs()
    for name in ('image_offset', 'kernel_offset'):
        far = torch.rand_like(inputs[name]) < .3
        sign = torch.randn_like(inputs[name]).sign()
        inputs[name] = torch.where(far, sign * magnitude, inputs[name])
    check(case, inputs)


@pytest.mark.parametrize('form', FORMS)
def test_infinite_offsets_are_far_offsets(form):
    # As a predictor gives when it overflows in half precision.
    case = FORMS[form]
    inputs = case.inputs()
    far = {}
    for name in ('image_offset', 'kernel_offset'):
        sign = torch.randn_like(inputs[name]).sign()
        chosen = torch.rand_like(inputs[name]) < .3
        far[name] = inputs[name].where(~chosen, sign * 1e6)
        inputs[name] = inputs[name].where(~chosen, sign * float('inf'))
    assert torch.equal(
        deform_kernel_conv2d(**inputs, **case.settings),
        deform_kernel_conv2d(**{
            **inputs,
            **far
        }, **case.settings))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('scope', [2, 3, 4])
@pytest.mark.parametrize('step', [1., .5])
def test_offsets_on_grid_lines(form, scope, step):
    # Values are continuous there, so that a kink is no excuse; also reads
    # exactly at -1 and h, at 0 and S - 1.
    case = FORMS[form].but(scope=scope)
    inputs = case.inputs()
    for name in ('image_offset', 'kernel_offset'):
        inputs[name] = (inputs[name] * 3 / step).round() * step
    check(case, inputs)


@pytest.mark.parametrize('form', FORMS)
def test_masks_of_either_sign(form):
    inputs = FORMS[form].inputs()
    inputs['mask'] = torch.randn_like(inputs['mask']) * 3
    inputs['mask'][:, ::2] = 0.
    check(FORMS[form], inputs)


def test_image_of_many_pixels():
    # Large enough to be worked on in several pieces, and no round size.
    check(
        Case(batch=1, c_in=2, c_out=2, groups=2, size=(43, 37), image_reach=3))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('reach', [1, 12])
def test_float32(form, reach):
    case = FORMS[form].but(image_reach=reach, kernel_reach=reach)
    inputs = case.inputs(torch.float32)
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert out.dtype == torch.float32
    # 36 to 108 products of numbers around 1, each rounded to 6e-8.
    assert_close(
        out.double(), defined_output(case, inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('halved', [('x', ), ('x', 'weight'), NAMES], ids=str)
def test_half_precision_is_rounded_once(form, dtype, halved):
    # All arithmetic is in float32, only what comes in and out is short.
    case = FORMS[form]
    inputs = case.inputs(torch.float32)
    for name in halved:
        inputs[name] = inputs[name].to(dtype)
    exact = {name: value.float() for name, value in inputs.items()}
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert out.dtype == dtype
    expected = deform_kernel_conv2d(**exact, **case.settings).to(dtype)
    assert torch.equal(out, expected)


def test_autocast_leaves_the_precision_alone():
    inputs = DENSE.inputs(torch.float32)
    expected = deform_kernel_conv2d(**inputs, **DENSE.settings)
    with torch.autocast('cpu', torch.bfloat16):
        out = deform_kernel_conv2d(**inputs, **DENSE.settings)
    assert torch.equal(out, expected)


@pytest.mark.parametrize('form', FORMS)
def test_empty_batch(form):
    case = FORMS[form].but(batch=0)
    inputs = {
        name: value.requires_grad_()
        for name, value in case.inputs().items()
    }
    out = deform_kernel_conv2d(**inputs, **case.settings)
    assert out.shape == (0, case.c_out, *case.out_size)
    out.sum().backward()
    assert inputs['weight'].grad.abs().sum() == 0
    for name in ('x', 'image_offset', 'kernel_offset', 'mask'):
        assert inputs[name].grad.shape == inputs[name].shape


def transposed(value):
    return value.transpose(2, 3).contiguous().transpose(2, 3)


def strided(value):
    wide = value.new_full((*value.shape[:3], 2 * value.shape[3] + 1), 99.)
    wide[..., 1::2] = value
    return wide[..., 1::2]


def channels_last(value):
    return value.to(memory_format=torch.channels_last)


def beside_other_channels(value):
    """Return some channels of a larger map, as from a split."""
    other = torch.full_like(value, 99.)
    return channels_last(torch.cat([value, other], 1))[:, :value.shape[1]]


def offset_in_storage(value):
    return torch.cat([value.new_full((3, ), 99.),
                      value.flatten()])[3:].view(value.shape)


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('layout', [
    transposed, strided, channels_last, beside_other_channels,
    offset_in_storage
])
def test_memory_layouts(form, layout):
    inputs = {
        name: layout(value)
        for name, value in FORMS[form].inputs().items()
    }
    check(FORMS[form], inputs)


def test_expanded_inputs():
    # One set of offsets for the whole batch and image, without copies.
    inputs = DEPTHWISE.inputs()
    for name in ('image_offset', 'kernel_offset', 'mask'):
        inputs[name] = inputs[name][:1, :, :1, :1].expand_as(inputs[name])
    check(DEPTHWISE, inputs)


def test_inputs_stay_as_they_were():
    inputs = DEPTHWISE.inputs()
    before = {name: value.clone() for name, value in inputs.items()}
    deform_kernel_conv2d(**inputs, **DEPTHWISE.settings)
    for name, value in inputs.items():
        assert torch.equal(value, before[name]), name


def test_defaults_are_a_padded_3x3_convolution():
    inputs = DEPTHWISE.inputs()
    assert torch.equal(
        deform_kernel_conv2d(**inputs),
        deform_kernel_conv2d(
            **inputs, kernel_size=3, stride=1, padding=1, dilation=1))
    assert torch.equal(
        deform_kernel_conv2d(inputs['x'], inputs['weight'],
                             inputs['image_offset'], inputs['kernel_offset'],
                             inputs['mask']), deform_kernel_conv2d(**inputs))


@pytest.mark.parametrize('form', FORMS)
def test_number_of_threads_does_not_matter(form):
    case = FORMS[form].but(size=(40, 33))
    inputs = case.inputs()
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(deform_kernel_conv2d(**inputs, **case.settings))
    assert_close(results[1], results[0], rtol=0, atol=1e-12)
    assert_close(results[2], results[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize('form', FORMS)
def test_nan_spreads_only_to_outputs_that_read_it(form):
    # "Zero outside the frame" is no product of 0 and a border pixel.
    case = FORMS[form].but(image_reach=4)
    inputs = case.inputs()
    inputs['x'][:, :, 0, 0] = float('nan')
    out = deform_kernel_conv2d(**inputs, **case.settings)
    expected = defined_output(case, inputs)
    assert 0 < expected.isnan().sum() < expected.numel()
    assert torch.equal(out.isnan(), expected.isnan())
