# Copyright (c) DKSAN-MM contributors.
"""``ModulatedDeformConv2d`` equals mmcv's layer."""
import mmcv.ops
import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dksan_mm.ops import (ModulatedDeformConv2d, plain_form, set_backend,
                          torch_path)
from dksan_mm.ops.modulated_deform_conv import _PlainModulatedDeformConv2d

# in_channels, out_channels, groups, deform_groups, settings
LAYERS = [
    (16, 16, 1, 8, {}),
    (64, 8, 1, 8, dict(size=(4, 5))),
    (6, 5, 1, 2, dict(stride=2, padding=2)),
    (12, 8, 2, 3, dict(dilation=2, padding=2)),
    (6, 6, 3, 1, dict(kernel_size=1, padding=0)),
    (6, 6, 6, 6, dict(kernel_size=(3, 2), stride=(1, 2), padding=(1, 0))),
    (4, 4, 1, 1, dict(reach=30.)),
    (4, 4, 1, 2, dict(reach=0.)),
    (4, 4, 1, 2, dict(reach=1e9)),
    (4, 4, 1, 2, dict(batch=0)),
    (20, 20, 20, 1, dict(bias=False)),
]


def layer_and_inputs(c_in,
                     c_out,
                     groups,
                     deform_groups,
                     settings,
                     dtype=torch.float64):
    settings = {'kernel_size': 3, 'padding': 1, **settings}
    size, batch = settings.pop('size', (6, 7)), settings.pop('batch', 2)
    reach = settings.pop('reach', 2.)
    layer = ModulatedDeformConv2d(
        c_in, c_out, groups=groups, deform_groups=deform_groups,
        **settings).to(dtype)
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    x = torch.randn(batch, c_in, *size, dtype=dtype)
    taps = deform_groups * layer.kernel_size[0] * layer.kernel_size[1]
    out_size = F.conv2d(
        torch.zeros(1, 1, *size), torch.zeros(1, 1, *layer.kernel_size), None,
        layer.stride, layer.padding, layer.dilation).shape[2:]
    offset = reach * torch.randn(batch, 2 * taps, *out_size, dtype=dtype)
    mask = torch.rand(batch, taps, *out_size, dtype=dtype)
    return layer, [x, offset, mask]


def mmcv_layer(layer):
    other = mmcv.ops.ModulatedDeformConv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride,
        layer.padding, layer.dilation, layer.groups, layer.deform_groups,
        layer.bias is not None).to(layer.weight.dtype)
    other.load_state_dict(layer.state_dict())
    return other


def output_and_gradients(layer, inputs, grad_out):
    inputs = [value.detach().requires_grad_() for value in inputs]
    out = layer(*inputs)
    return [
        out, *torch.autograd.grad(out, [*inputs, *layer.parameters()],
                                  grad_out[:len(out)])
    ]


@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_values_and_gradients_are_mmcvs(layer):
    layer, inputs = layer_and_inputs(*layer)
    with torch.no_grad():
        grad_out = torch.randn_like(layer(*inputs))
    names = ['out', 'x', 'offset', 'mask', 'weight', 'bias']
    with set_backend('cpp'):
        actual = output_and_gradients(layer, inputs, grad_out)
    if not len(inputs[0]):  # mmcv's own fails on an empty batch
        assert actual[0].shape == grad_out.shape
        assert all((grad == 0).all() for grad in actual[1:])
        return
    expected = output_and_gradients(mmcv_layer(layer), inputs, grad_out)
    assert_close(
        dict(zip(names, actual)),
        dict(zip(names, expected)),
        rtol=0,
        atol=1e-11)


def test_mmcvs_own_can_be_chosen():
    layer, inputs = layer_and_inputs(*LAYERS[0])
    expected = mmcv_layer(layer)(*inputs)
    with set_backend('torch'):
        assert torch.equal(layer(*inputs), expected)


def plain_layer(layer):
    """Return the layer without mmcv."""
    other = _PlainModulatedDeformConv2d(layer.in_channels, layer.out_channels,
                                        layer.kernel_size, layer.stride,
                                        layer.padding, layer.dilation,
                                        layer.groups, layer.deform_groups,
                                        layer.bias
                                        is not None).to(layer.weight.dtype)
    other.load_state_dict(layer.state_dict())
    return other


@pytest.mark.parametrize('layer', LAYERS, ids=str)
def test_pure_torch_gives_mmcvs_values_and_gradients(layer):
    layer, inputs = layer_and_inputs(*layer)
    plain = plain_layer(layer)
    with torch.no_grad():
        in_bands = plain(*inputs)
    if not len(inputs[0]):  # mmcv's own fails on an empty batch
        assert in_bands.shape == layer(*inputs).shape
        return
    grad_out = torch.randn_like(in_bands)
    expected = output_and_gradients(mmcv_layer(layer), inputs, grad_out)
    actual = output_and_gradients(plain, inputs, grad_out)
    assert_close(actual, expected, rtol=0, atol=1e-11)
    assert_close(in_bands, expected[0], rtol=0, atol=1e-11)


def test_pure_torch_starts_as_mmcvs():
    states = []
    for kind in (_PlainModulatedDeformConv2d, mmcv.ops.ModulatedDeformConv2d):
        torch.manual_seed(0)
        states.append(dict(kind(4, 6, (3, 2), groups=2).state_dict()))
    assert_close(*states, rtol=0, atol=0)


def test_pure_torch_of_large_images_takes_little_memory(monkeypatch):
    """Only the columns of a band are stored, in evaluation."""
    layer = _PlainModulatedDeformConv2d(
        16, 16, 3, padding=1, deform_groups=2).requires_grad_(False)
    seen, columns = [], plain_form.cells
    monkeypatch.setattr(
        plain_form, 'cells', lambda x, *others:
        (seen.append(x.nbytes), columns(x, *others))[1])
    size = (200, 200)
    layer(
        torch.rand(1, 16, *size), torch.rand(1, 36, *size),
        torch.rand(1, 18, *size))
    assert len(seen) > 4
    assert max(seen) <= torch_path.BAND_BYTES['cpu']


def test_float32():
    layer, inputs = layer_and_inputs(
        128, 128, 1, 8, dict(size=(13, 11)), dtype=torch.float32)
    expected = mmcv_layer(layer.double())(*(v.double() for v in inputs))
    assert_close(layer.float()(*inputs).double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_input_is_computed_in_float32(dtype):
    layer, inputs = layer_and_inputs(*LAYERS[0], dtype=torch.float32)
    inputs[0] = inputs[0].to(dtype)
    expected = layer(inputs[0].float(), *inputs[1:])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        actual = layer(*inputs)
    assert actual.dtype == dtype
    assert torch.equal(actual, expected.to(dtype))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    'sizes', [(16, 16, 1, 8), (12, 8, 2, 3), (6, 6, 6, 1)], ids=str)
def test_half_precision_is_that_of_float32_rounded(sizes, dtype):
    """Output and gradients are rounded once, after the bias."""
    case = (*sizes, dict(size=(60, 21)))
    layer, inputs = layer_and_inputs(*case, dtype=dtype)
    grad_out = torch.randn(2, sizes[1], 60, 21).to(dtype)
    with set_backend('cpp'):
        actual = output_and_gradients(layer, inputs, grad_out)
        expected = output_and_gradients(layer.float(),
                                        [v.float() for v in inputs],
                                        grad_out.float())
    for one, other in zip(actual, expected):
        assert one.dtype == dtype
        assert torch.equal(one, other.to(dtype))


def test_second_derivatives_with_a_bias():
    layer, inputs = layer_and_inputs(*LAYERS[2])

    def second(layer):
        x = inputs[0].detach().requires_grad_()
        out = layer(x, *inputs[1:]).square().sum()
        grads = torch.autograd.grad(out, [x, layer.bias], create_graph=True)
        total = sum(grad.square().sum() for grad in grads)
        return torch.autograd.grad(total, [x, layer.weight, layer.bias])

    with set_backend('cpp'):
        actual = second(layer)
    assert_close(actual, second(plain_layer(layer)), rtol=1e-10, atol=1e-9)


def test_state_dict_and_class_are_mmcvs():
    layer, _ = layer_and_inputs(*LAYERS[0])
    assert isinstance(layer, mmcv.ops.ModulatedDeformConv2d)
    assert list(layer.state_dict()) == list(mmcv_layer(layer).state_dict())


@pytest.mark.parametrize('place, shape', [(0, (2, 15, 6, 7)), (0, (16, 6, 7)),
                                          (1, (2, 143, 6, 7)),
                                          (1, (2, 144, 5, 7)),
                                          (2, (1, 72, 6, 7))])
def test_wrong_shapes(place, shape):
    layer, inputs = layer_and_inputs(*LAYERS[0])
    inputs[place] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(ValueError, match=str(shape[0])):
        layer(*inputs)
