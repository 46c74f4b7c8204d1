# Copyright (c) DKSAN-MM contributors.
"""The layer ``DeformKernelConv2d``."""
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from dksan_mm.ops import DeformKernelConv2d, deform_kernel_conv2d

OFFSETS = ('image_offset', 'kernel_offset')


def moved(layer, spread=.3):
    """Return the layer with offsets that are not zero."""
    for name in OFFSETS:
        predictor = getattr(layer, name)
        if predictor is not None:
            nn.init.normal_(predictor.weight, std=spread)
            nn.init.normal_(predictor.bias, std=spread)
    return layer


def number_of_parameters(layer):
    return sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    'settings, expected',
    [
        # 128 * 16 weights + 2 * (128 * 18 * 9 + 18) for the offsets.
        (dict(), 43556),
        (dict(scope=3), 42660),
        (dict(image_offsets=False), 22802),
        (dict(kernel_offsets=False), 22802),
        (dict(image_offsets=False, kernel_offsets=False), 2048),
        (dict(groups=1, scope=3), 188964),
        (dict(groups=8), 74276),
        (dict(kernel_size=1, padding=0), 2564),
    ])
def test_number_of_parameters(settings, expected):
    layer = DeformKernelConv2d(128, 128, **settings)
    assert number_of_parameters(layer) == expected


def test_names_in_the_state_dict():
    shapes = {
        name: tuple(value.shape)
        for name, value in DeformKernelConv2d(6, 6).state_dict().items()
    }
    assert shapes == {
        'weight': (6, 1, 4, 4),
        'image_offset.weight': (18, 6, 3, 3),
        'image_offset.bias': (18, ),
        'kernel_offset.weight': (18, 6, 3, 3),
        'kernel_offset.bias': (18, ),
    }


@pytest.mark.parametrize('absent', OFFSETS)
def test_form_without_one_kind_of_offsets(absent):
    present, = set(OFFSETS) - {absent}
    layer = moved(DeformKernelConv2d(4, 4, **{f'{absent}s': False}))
    assert set(layer.state_dict()) == {
        'weight', f'{present}.weight', f'{present}.bias'
    }
    x = torch.randn(2, 4, 6, 5)
    offset = getattr(layer, present)(x)
    assert_close(
        layer(x),
        deform_kernel_conv2d(x, layer.weight, **{present: offset}),
        rtol=0,
        atol=1e-6)


def test_global_form_has_one_set_of_kernel_offsets_an_image():
    layer = moved(DeformKernelConv2d(4, 4, stride=2, kernel_offsets='global'))
    assert layer.kernel_offset.weight.shape == (18, 4, 1, 1)
    x = torch.randn(2, 4, 6, 5)
    offset = layer.kernel_offset(x.mean((2, 3))[..., None, None])
    expected = deform_kernel_conv2d(
        x,
        layer.weight,
        layer.image_offset(x),
        offset.repeat(1, 1, 3, 3),
        stride=2)
    assert_close(layer(x), expected, rtol=0, atol=1e-6)
    assert offset[0].sub(offset[1]).abs().max() > 1e-3


def test_global_form_learns_its_offsets():
    layer = DeformKernelConv2d(4, 4, kernel_offsets='global')
    layer(torch.randn(2, 4, 6, 5)).square().sum().backward()
    assert layer.kernel_offset.weight.grad.abs().max() > 0


def test_kernel_offsets_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="got 'local'"):
        DeformKernelConv2d(4, 4, kernel_offsets='local')


def test_form_without_offsets_is_a_convolution():
    layer = DeformKernelConv2d(
        4, 6, groups=2, scope=3, image_offsets=False, kernel_offsets=False)
    x = torch.randn(2, 4, 6, 5)
    assert_close(
        layer(x),
        F.conv2d(x, layer.weight, padding=1, groups=2),
        rtol=0,
        atol=1e-6)


@pytest.mark.parametrize('groups', [None, 1, 2])
@pytest.mark.parametrize(
    'geometry', [
        dict(),
        dict(stride=2),
        dict(stride=(1, 2), padding=(0, 2), dilation=(1, 2)),
    ],
    ids=str)
def test_fresh_layer_is_a_convolution_with_mean_weights(groups, geometry):
    layer = DeformKernelConv2d(4, 4, groups=groups, **geometry).double()
    x = torch.randn(2, 4, 8, 7, dtype=torch.float64)
    # A scope of 4 read half-way between its weights: means of 2x2 blocks.
    kernel = F.avg_pool2d(layer.weight, 2, 1)
    expected = F.conv2d(
        x, kernel, groups=groups or 4, **{
            'padding': 1,
            **geometry
        })
    assert kernel.abs().min() > 0
    assert_close(layer(x), expected, rtol=0, atol=1e-13)


def test_layer_is_its_predictors_and_the_operator():
    geometry = dict(
        kernel_size=(3, 1), stride=(2, 1), padding=(2, 0), dilation=(2, 1))
    layer = moved(DeformKernelConv2d(4, 6, groups=2, scope=5, **geometry))
    x = torch.randn(2, 4, 9, 7)
    image_offset = F.conv2d(x, layer.image_offset.weight,
                            layer.image_offset.bias, (2, 1), (2, 0), (2, 1))
    kernel_offset = F.conv2d(x, layer.kernel_offset.weight,
                             layer.kernel_offset.bias, (2, 1), (2, 0), (2, 1))
    assert image_offset.shape[1] == 6
    assert_close(
        layer(x),
        deform_kernel_conv2d(x, layer.weight, image_offset, kernel_offset,
                             **geometry),
        rtol=0,
        atol=1e-6)


@pytest.mark.parametrize('scope', [3, 4, 5])
@pytest.mark.parametrize('groups', [None, 1])
def test_fresh_layer_learns_all_its_parameters(scope, groups):
    layer = DeformKernelConv2d(4, 4, scope=scope, groups=groups)
    x = torch.randn(2, 4, 7, 6, requires_grad=True)
    layer(x).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-3, name
    assert x.grad.abs().min() > 0


def test_a_few_steps_move_the_offsets_and_lower_the_loss():
    layer = DeformKernelConv2d(4, 4)
    x = torch.randn(2, 4, 9, 8)
    target = torch.roll(x, 1, -1)
    losses = []
    for _ in range(20):
        losses.append(F.mse_loss(layer(x), target))
        parameters = list(layer.parameters())
        grads = torch.autograd.grad(losses[-1], parameters)
        with torch.no_grad():
            for parameter, grad in zip(parameters, grads):
                parameter -= 1e-2 * grad.sign()
    assert losses[-1] < .7 * losses[0]
    for name in OFFSETS:
        assert getattr(layer, name)(x).abs().max() > .1, name


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (7, 5), (2, 2)], ids=str)
def test_any_size(size):
    layer = moved(DeformKernelConv2d(4, 4))
    out = layer(torch.randn(2, 4, *size))
    assert out.shape == (2, 4, *size)
    assert out.isfinite().all()


def test_empty_batch_gives_every_parameter_a_gradient():
    # Else DistributedDataParallel waits for the missing ones.
    layer = DeformKernelConv2d(4, 4)
    layer(torch.randn(0, 4, 5, 5)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad == 0).all(), name


def test_state_dict_carries_the_whole_layer():
    layer, other = moved(DeformKernelConv2d(4, 4)), DeformKernelConv2d(4, 4)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(2, 4, 6, 5)
    assert torch.equal(other(x), layer(x))


def test_deepcopy_is_independent():
    layer = moved(DeformKernelConv2d(4, 4))
    x = torch.randn(2, 4, 6, 5)
    before = layer(x)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.)
    assert torch.equal(layer(x), before)
    assert not torch.equal(twin(x), before)


def test_double_precision():
    layer = moved(DeformKernelConv2d(4, 4)).double()
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    out = layer(x)
    assert out.dtype == torch.float64
    assert_close(layer.float()(x.float()).double(), out, rtol=0, atol=1e-5)


def test_repr_tells_the_settings():
    said = repr(
        DeformKernelConv2d(
            6, 4, groups=2, scope=5, kernel_size=(3, 1), stride=2,
            dilation=7)).splitlines()[1]
    for setting in ('6, 4', 'scope=5', 'groups=2', '(3, 1)', '(2, 2)',
                    '(7, 7)'):
        assert setting in said


@pytest.mark.parametrize('channels, settings, said', [
    ((6, 4), dict(), '6.*4'),
    ((6, 4), dict(groups=4), '4 groups'),
    ((6, 5), dict(groups=2), '5.*2 groups'),
    ((6, 6), dict(groups=0), '0 groups'),
    ((4, 4), dict(scope=0), 'scope.*0'),
    ((4, 4), dict(kernel_size=0), 'kernel_size.*0'),
    ((4, 4), dict(stride=0), 'stride.*0'),
    ((4, 4), dict(padding=-1), 'padding.*-1'),
    ((4, 4), dict(dilation=0), 'dilation.*0'),
    ((0, 0), dict(), r'\b0\b'),
    ((4, 0), dict(), r'\b0\b'),
])
def test_wrong_settings(channels, settings, said):
    with pytest.raises(ValueError, match=said):
        DeformKernelConv2d(*channels, **settings)


@pytest.mark.parametrize('shape', [(2, 3, 5, 5), (4, 5, 5), (2, 4, 5, 5, 1)])
def test_wrong_input(shape):
    said = ', '.join(map(str, shape))
    with pytest.raises(ValueError, match=rf'\({said}\)'):
        DeformKernelConv2d(4, 4)(torch.randn(shape))


def test_settings_are_keyword_only():
    with pytest.raises(TypeError, match='positional'):
        DeformKernelConv2d(4, 4, 3)
