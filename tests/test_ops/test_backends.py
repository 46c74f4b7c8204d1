# Copyright (c) DKSAN-MM contributors.
"""The C++ operators compared with pure torch, and the choice of either."""
import pytest
import torch
from helpers.op_cases import Case, gradients
from torch.library import opcheck
from torch.testing import assert_close

from dksan_mm.ops import (DeformKernelConv2d, deform_kernel_conv2d,
                          get_backend, set_backend)

# Channels that need vectors of every width, also for the rest.
CHANNELS = [(128, 128), (84, 84), (7, 7), (128, 1), (84, 1), (24, 4)]


def run(backend, case, inputs, grad_out):
    with set_backend(backend):
        out = deform_kernel_conv2d(**inputs, **case.settings)
        return out, gradients(deform_kernel_conv2d, inputs, grad_out,
                              **case.settings)


def wide_case(channels, groups, **settings):
    return Case(
        c_in=channels,
        c_out=channels,
        groups=groups,
        batch=1,
        size=(19, 23),
        image_reach=3,
        **settings)


@pytest.mark.parametrize('channels, groups', CHANNELS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_cpp_and_torch_agree(channels, groups, dtype):
    case = wide_case(channels, groups)
    inputs = case.inputs(dtype)
    grad_out = torch.randn(1, channels, 19, 23, dtype=dtype)
    out, grads = run('cpp', case, inputs, grad_out)
    expected, expected_grads = run('torch', case, inputs, grad_out)
    rounding = 30 * torch.finfo(dtype).eps
    largest = expected.abs().max().item()
    assert_close(out, expected, rtol=0, atol=rounding * largest)
    for name, grad in grads.items():
        largest = expected_grads[name].abs().max().item()
        assert_close(
            grad,
            expected_grads[name],
            rtol=0,
            atol=rounding * largest,
            msg=lambda text: f'{name}: {text}')


def move_lines(inputs, kind):
    """Make the lines to read far apart, few, or in odd order."""
    dy = inputs['image_offset'][:, ::2]
    if kind == 'far down':
        dy += 170
    elif kind == 'far up':
        dy -= 230
    elif kind == 'one outlier':
        dy[1, 4, 20, 3] = 250
    elif kind == 'anywhere':
        dy *= 100
    elif kind == 'upside down':
        dy += torch.arange(299., -301., -2, dtype=dy.dtype).view(-1, 1)
    elif kind == 'nowhere':
        dy[:] = float('inf')


@pytest.mark.parametrize('layout',
                         [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('kind', [
    'near', 'far down', 'far up', 'one outlier', 'anywhere', 'upside down',
    'nowhere'
])
def test_a_tall_image_in_strips(kind, layout):
    case = Case(c_in=20, c_out=20, groups=20, size=(300, 40))
    inputs = case.inputs()
    move_lines(inputs, kind)
    inputs['x'] = inputs['x'].to(memory_format=layout)
    grad_out = torch.randn(2, 20, 300, 40, dtype=torch.float64)
    out, grads = run('cpp', case, inputs, grad_out)
    expected, expected_grads = run('torch', case, inputs, grad_out)
    assert_close(out, expected, rtol=0, atol=1e-12)
    assert_close(grads, expected_grads, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    'case, threads', [
        (wide_case(64, 1).but(batch=3), 2),
        (wide_case(64, 64).but(batch=3), 2),
        (Case(c_in=20, c_out=20, groups=20, size=(300, 40)), 3),
    ],
    ids=['dense', 'depthwise', 'strips'])
def test_gradients_do_not_depend_on_the_threads(case, threads):
    inputs = case.inputs(torch.float32)
    grad_out = torch.randn(case.batch, case.c_out, *case.size)
    torch.set_num_threads(1)
    one, one_grads = run('cpp', case, inputs, grad_out)
    torch.set_num_threads(threads)
    many, many_grads = run('cpp', case, inputs, grad_out)
    assert torch.equal(one, many)
    for name, grad in one_grads.items():
        assert torch.equal(grad, many_grads[name]), name


@pytest.mark.parametrize('groups', [1, 16])
def test_channels_last_comes_back_channels_last(groups):
    case = wide_case(16, groups)
    inputs = case.inputs()
    expected = deform_kernel_conv2d(**inputs, **case.settings)
    inputs['x'] = inputs['x'].to(memory_format=torch.channels_last)
    with set_backend('cpp'):
        out = deform_kernel_conv2d(**inputs, **case.settings)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, expected)


@pytest.mark.parametrize('backend', ['torch', 'cpp'], indirect=True)
@pytest.mark.parametrize('groups', [1, 6])
@pytest.mark.parametrize('name', ['image_offset', 'kernel_offset'])
@pytest.mark.parametrize(
    'value', [float('nan'), float('inf'), -2.**31, 2.**63])
def test_any_offset_is_safe_and_nan_shows(backend, groups, name, value):
    case = Case(c_in=6, c_out=6, groups=groups)
    inputs = case.inputs()
    inputs[name][:, 1::2, 2] = value
    grad_out = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    out, grads = run(backend, case, inputs, grad_out)
    shown = ~out.isfinite()
    assert shown[:, :, 2].all() == (value != value)
    assert not shown[:, :, [0, 1, 3, 4]].any()
    assert grads['mask'][:, :, 3].isfinite().all()


@pytest.mark.parametrize('groups', [1, 2, 6])
def test_operators_keep_the_rules_of_torch(groups):
    case = Case(c_in=6, c_out=6, groups=groups)
    inputs = {
        name: value.requires_grad_()
        for name, value in case.inputs().items()
    }
    form = 'depthwise' if groups == 6 else 'dense'
    operator = getattr(torch.ops.dksan_mm, f'{form}_forward').default
    start = 1 if groups == 6 else 2
    weight = inputs.pop('weight').detach().flatten(start).requires_grad_()
    x, *others = inputs.values()
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 5, 4, 4, 0, groups, 1]
    opcheck(operator, (x, weight, *others, settings))


@pytest.mark.parametrize('backend', ['torch', 'cpp'], indirect=True)
@pytest.mark.parametrize('groups', [1, 4])
def test_compile_in_one_graph(backend, groups):
    layer = DeformKernelConv2d(4, 4, groups=groups)
    compiled = torch.compile(layer, fullgraph=True, backend='aot_eager')
    x = torch.randn(2, 4, 6, 5, requires_grad=True)
    out = compiled(x)
    grad, = torch.autograd.grad(out.square().sum(), x)
    expected = layer(x)
    expected_grad, = torch.autograd.grad(expected.square().sum(), x)
    assert_close(out, expected, rtol=0, atol=1e-5)
    assert_close(grad, expected_grad, rtol=0, atol=1e-4)


def test_backend_for_a_block_and_for_good(monkeypatch):
    monkeypatch.setattr('dksan_mm.ops.backend._chosen', None)
    monkeypatch.setenv('DKSAN_MM_BACKEND', 'torch')
    assert get_backend() == 'torch'
    with set_backend('cpp'):
        assert get_backend() == 'cpp'
        set_backend('auto')
        assert get_backend() == 'auto'
    assert get_backend() == 'torch'


def test_unknown_backend(monkeypatch):
    with pytest.raises(ValueError, match='fast'):
        set_backend('fast')
    monkeypatch.setattr('dksan_mm.ops.backend._chosen', None)
    monkeypatch.setenv('DKSAN_MM_BACKEND', 'slow')
    with pytest.raises(ValueError, match='slow'):
        get_backend()
