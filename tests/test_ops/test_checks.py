# Copyright (c) DKSAN-MM contributors.
"""Arguments that ``deform_kernel_conv2d`` rejects, and its messages."""
import pytest
import torch
from helpers.op_cases import NAMES, Case

from dksan_mm.ops import deform_kernel_conv2d
from dksan_mm.ops.checks import Geometry
from dksan_mm.ops.differentiable import plain_terms

CASE = Case(size=(5, 7), c_in=6, c_out=4, groups=2)


def call(settings=None, **changed):
    settings = {**CASE.settings, **(settings or {})}
    return deform_kernel_conv2d(**{**CASE.inputs(), **changed}, **settings)


@pytest.mark.parametrize('name, shape', [
    ('x', (6, 5, 7)),
    ('x', (2, 6, 5, 7, 1)),
    ('weight', (4, 3, 16)),
    ('weight', (4, 3, 4, 3)),
    ('weight', (4, 3, 0, 0)),
    ('image_offset', (2, 17, 5, 7)),
    ('image_offset', (2, 9, 5, 7)),
    ('image_offset', (3, 18, 5, 7)),
    ('image_offset', (1, 18, 5, 7)),
    ('image_offset', (2, 18, 7, 5)),
    ('image_offset', (2, 18, 1, 1)),
    ('image_offset', (2, 36, 5, 7)),
    ('kernel_offset', (2, 17, 5, 7)),
    ('kernel_offset', (2, 18, 5, 8)),
    ('kernel_offset', (3, 18, 5, 7)),
    ('kernel_offset', (2, 18)),
    ('mask', (2, 18, 5, 7)),
    ('mask', (2, 1, 5, 7)),
    ('mask', (2, 9, 4, 7)),
    ('mask', (2, 9, 35)),
])
def test_wrong_shape(name, shape):
    said = ', '.join(map(str, shape))
    with pytest.raises(ValueError, match=rf'{name}.*\({said}\)'):
        call(**{name: torch.zeros(shape, dtype=torch.float64)})


@pytest.mark.parametrize('shape, number',
                         [((4, 4, 4, 4), 4), ((4, 5, 4, 4), 5),
                          ((4, 7, 4, 4), 7), ((3, 3, 4, 4), 3),
                          ((4, 1, 4, 4), 4), ((4, 0, 4, 4), 0),
                          ((0, 3, 4, 4), 0)])
def test_channels_that_do_not_divide(shape, number):
    with pytest.raises(ValueError, match=rf'\b{number}\b'):
        call(weight=torch.zeros(shape, dtype=torch.float64))


def test_offsets_must_fit_the_output_and_not_the_input():
    inputs = CASE.inputs()
    with pytest.raises(ValueError, match=r'\(2, 18, 3, 4\).*\(2, 18, 5, 7\)'):
        deform_kernel_conv2d(**inputs, **CASE.but(stride=2).settings)


@pytest.mark.parametrize('name, value', [
    ('kernel_size', 0),
    ('kernel_size', (3, -1)),
    ('stride', 0),
    ('stride', (-1, 1)),
    ('padding', -1),
    ('padding', (0, -2)),
    ('dilation', 0),
])
def test_numbers_too_small(name, value):
    said = str(value).replace('(', r'\(').replace(')', r'\)')
    with pytest.raises(ValueError, match=f'{name}.*{said}'):
        call({name: value})


@pytest.mark.parametrize('name', CASE.settings)
@pytest.mark.parametrize('value, said', [(1.5, r'1\.5'), ('3', "'3'"),
                                         ((1, 2, 3), r'\(1, 2, 3\)'),
                                         (None, 'None'), ((1, 2.5), r'2\.5')])
def test_numbers_of_the_wrong_kind(name, value, said):
    with pytest.raises(TypeError, match=f'{name}.*{said}'):
        call({name: value})


@pytest.mark.parametrize('settings', [
    dict(padding=0, dilation=3),
    dict(padding=(1, 0), kernel_size=(1, 9)),
])
def test_image_smaller_than_the_kernel(settings):
    with pytest.raises(ValueError, match='5 x 7'):
        call(settings)


@pytest.mark.parametrize('size', [(0, 7), (5, 0)])
def test_image_without_pixels(size):
    rows, cols = size
    with pytest.raises(ValueError, match=f'{rows} x {cols}'):
        call(x=torch.zeros(2, 6, *size, dtype=torch.float64))


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    'dtype', [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_no_float_tensor(name, dtype):
    value = CASE.inputs()[name].to(dtype)
    with pytest.raises(TypeError, match=f'{name}.*{dtype}'):
        call(**{name: value})


@pytest.mark.parametrize('name', NAMES)
def test_no_tensor(name):
    with pytest.raises(TypeError, match=f'{name}.*ndarray'):
        call(**{name: CASE.inputs()[name].numpy()})


@pytest.mark.parametrize('name', ['x', 'weight'])
def test_required_input_is_none(name):
    with pytest.raises(TypeError, match=f'{name}.*None'):
        call(**{name: None})


@pytest.mark.parametrize('name', NAMES[1:])
def test_wrong_device(name):
    with pytest.raises(ValueError, match=f'{name}.*meta.*cpu'):
        call(**{name: CASE.inputs()[name].to('meta')})


def test_settings_are_keyword_only():
    inputs = CASE.inputs()
    with pytest.raises(TypeError, match='positional'):
        deform_kernel_conv2d(*[inputs[name] for name in NAMES], 3)


def test_settings_of_compiled_operators_are_converted_back():
    geometry = Geometry((3, 2), (2, 1), (1, 0), (1, 3), 5, (4, 7, 9), 6, True)
    x, weight = torch.zeros(4, 10, 8, 8), torch.zeros(5, 2, 16)
    offsets = torch.zeros(4, 72, 7, 9)
    settings = geometry.settings(4)
    found, (_, whole, *_) = plain_terms((x, weight, offsets, offsets, None),
                                        settings)
    assert found == geometry and whole.shape == (5, 2, 4, 4)
    assert len(settings) == 14 and {*map(type, settings)} == {int}
