# Copyright (c) DKSAN-MM contributors.
"""Operators in torch's exports, compilers and transforms.

Export, compilation, fake and meta tensors, tracing, and derivatives beyond
backpropagation. Values are compared with the definition in float64.
"""
import numpy as np
import pytest
import torch
from helpers.op_cases import Case
from helpers.op_reference import deform_kernel_conv2d_reference
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.export import Dim, export
from torch.testing import assert_close

from dksan_mm.models.dksan.dkc_align import DKCAlign
from dksan_mm.ops import (DeformKernelConv2d, ModulatedDeformConv2d, cpp,
                          deform_kernel_conv2d, set_backend)

BACKENDS = ['torch', 'cpp']


class Kernel(nn.Module):
    """The deformable kernel convolution with given offsets."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x, image_offset, kernel_offset, mask):
        return deform_kernel_conv2d(x, self.weight, image_offset,
                                    kernel_offset, mask)


def kernel_at(groups, batch, size):
    case = Case(batch=batch, groups=groups, size=size)
    inputs = case.inputs()
    weight = inputs.pop('weight')
    return weight, list(inputs.values())


def modulated(deform_groups, size=(2, 3), batch=1, **settings):
    layer = ModulatedDeformConv2d(
        4,
        4,
        3,
        padding=1,
        deform_groups=deform_groups,
        bias=False,
        **settings).double()
    sets = 9 * deform_groups
    offset = torch.randint(-1, 2, (batch, 2 * sets, *size))
    offset = offset + .1 + .8 * torch.rand(batch, 2 * sets, *size)
    return layer, [
        torch.randn(batch, 4, *size, dtype=torch.float64),
        offset.double(),
        torch.rand(batch, sets, *size, dtype=torch.float64)
    ]


def modulated_reference(layer, x, offset, mask):
    """Sum one dense convolution for each group of offsets."""
    groups = layer.deform_groups
    parts = [
        t.chunk(groups, 1) for t in (x, layer.weight.detach(), offset, mask)
    ]
    return torch.as_tensor(
        np.sum([
            deform_kernel_conv2d_reference(x.numpy(), w.numpy(), o.numpy(),
                                           None, m.numpy())
            for x, w, o, m in zip(*parts)
        ],
               axis=0))


@pytest.mark.parametrize('backend', BACKENDS, indirect=True)
@pytest.mark.parametrize('groups', [1, 4])
def test_export_of_any_size_is_the_definition(backend, groups):
    weight, inputs = kernel_at(groups, 2, (5, 4))
    dims = {0: Dim('n'), 2: Dim('h'), 3: Dim('w')}
    program = export(
        Kernel(weight), tuple(inputs), dynamic_shapes=(dims, ) * 4)
    _, others = kernel_at(groups, 3, (4, 7))
    x, *offsets = (t.numpy() for t in others)
    expected = torch.from_numpy(
        deform_kernel_conv2d_reference(x, weight.numpy(), *offsets))
    assert_close(program.module()(*others), expected, rtol=0, atol=1e-12)
    # The block without autocast is a module of its own in the program.
    called = {
        str(node.target)
        for module in program.graph_module.modules()
        for node in module.graph.nodes
    }
    assert any('dksan_mm' in name for name in called) == (backend == 'cpp')


@pytest.mark.parametrize('deform_groups', [1, 2])
def test_export_of_the_modulated_form(deform_groups):
    layer, inputs = modulated(deform_groups)
    dims = {0: Dim('n'), 2: Dim('h'), 3: Dim('w')}
    _, traced = modulated(deform_groups, (5, 4), 2)
    program = export(layer, tuple(traced), dynamic_shapes=(dims, ) * 3)
    _, others = modulated(deform_groups, (4, 6), 3)
    assert_close(
        program.module()(*others),
        modulated_reference(layer, *others),
        rtol=0,
        atol=1e-12)


def test_export_of_the_alignment():
    align = DKCAlign(4, 2, num_layers=2).double()
    for parameter in align.parameters():
        nn.init.normal_(parameter, std=.2)
    dims = {0: Dim('n'), 2: Dim('h'), 3: Dim('w')}
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    program = export(align, (x, x + 1), dynamic_shapes=(dims, dims))
    x = torch.randn(3, 4, 7, 4, dtype=torch.float64)
    assert_close(
        program.module()(x, x + 1), align(x, x + 1), rtol=0, atol=1e-13)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('groups', [1, 4])
def test_compiled_once_for_all_sizes(groups, stride):
    layer = DeformKernelConv2d(4, 4, groups=groups, stride=stride).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=.3)
    torch._dynamo.reset()
    counter = CompileCounterWithBackend('aot_eager')
    compiled = torch.compile(
        layer, fullgraph=True, dynamic=True, backend=counter)
    for n, h, w in [(2, 6, 5), (3, 9, 8), (2, 7, 11)]:
        x = torch.randn(n, 4, h, w, dtype=torch.float64, requires_grad=True)
        wanted = [x, *layer.parameters()]
        actual, expected = compiled(x), layer(x)
        grad_out = torch.randn_like(expected)
        assert_close(actual, expected, rtol=0, atol=1e-12)
        for a, b in zip(
                torch.autograd.grad(actual, wanted, grad_out),
                torch.autograd.grad(expected, wanted, grad_out)):
            assert_close(a, b, rtol=0, atol=1e-11)
    assert counter.frame_count == 1


@pytest.mark.parametrize('backend', BACKENDS, indirect=True)
@pytest.mark.parametrize('groups', [1, 4])
def test_shapes_on_the_meta_device(backend, groups):
    layer = DeformKernelConv2d(4, 8, groups=groups, stride=2).to('meta')
    x = torch.randn(2, 4, 7, 6, device='meta', requires_grad=True)
    out = layer(x)
    assert out.is_meta and out.shape == (2, 8, 4, 3)
    out.sum().backward()
    for leaf in (x, *layer.parameters()):
        assert leaf.grad.is_meta and leaf.grad.shape == leaf.shape


@pytest.mark.parametrize('backend', BACKENDS, indirect=True)
def test_shapes_of_fake_tensors(backend):
    with FakeTensorMode():
        layer = DeformKernelConv2d(4, 4, stride=2)
        x = torch.randn(2, 4, 7, 6, requires_grad=True)
        out = layer(x)
        out.sum().backward()
    assert out.shape == (2, 4, 4, 3)
    assert x.grad.shape == x.shape


def test_shapes_of_the_modulated_form_on_the_meta_device():
    layer, inputs = modulated(2)
    layer.to('meta')
    inputs = [t.to('meta').requires_grad_() for t in inputs]
    layer(*inputs).sum().backward()
    for leaf in (*inputs, layer.weight):
        assert leaf.grad.shape == leaf.shape


@pytest.mark.parametrize('deform_groups, groups', [(2, 1), (4, 2), (2, 4)])
def test_every_derivative_with_several_groups_of_offsets(
        deform_groups, groups):
    layer, inputs = modulated(deform_groups, (2, 2), groups=groups)
    leaves = [t.requires_grad_() for t in inputs]

    def op(x, offset, mask, weight):
        return torch.func.functional_call(layer, dict(weight=weight),
                                          (x, offset, mask))

    leaves.append(layer.weight.detach().requires_grad_())
    # They compare with numerical differences.
    assert gradcheck(op, leaves, fast_mode=True, check_forward_ad=True)
    assert gradgradcheck(op, leaves, fast_mode=True, check_fwd_over_rev=True)


@pytest.mark.parametrize('deform_groups', [1, 2])
def test_forward_mode_of_the_modulated_form(deform_groups):
    layer, (x, offset, mask) = modulated(deform_groups)
    direction = torch.randn_like(x)
    out, tangent = torch.func.jvp(lambda x: layer(x, offset, mask), (x, ),
                                  (direction, ))
    assert_close(
        out, modulated_reference(layer, x, offset, mask), rtol=0, atol=1e-12)
    # The operator is linear in x.
    assert_close(
        tangent,
        modulated_reference(layer, direction, offset, mask),
        rtol=0,
        atol=1e-12)
    several = torch.func.vmap(lambda x: layer(x, offset, mask))(
        torch.stack([x, direction]))
    assert_close(several, torch.stack([out, tangent]), rtol=0, atol=1e-12)


def vectorized_function(form):
    if form == 'modulated':
        layer, (x, *others) = modulated(2, (2, 2))
        return (lambda x: layer(x, *others)), x
    inputs = Case(batch=1, groups=form, size=(2, 2)).inputs()
    x = inputs.pop('x')
    return (lambda x: deform_kernel_conv2d(x, **inputs)), x


@pytest.mark.parametrize('backend, form', [
    ('torch', 1), ('torch', 4), ('cpp', 1), ('cpp', 4), ('cpp', 'modulated')
], indirect=['backend'])  # yapf: disable
def test_vectorized_jacobian_and_hessian(backend, form):
    op, x = vectorized_function(form)
    functional = torch.autograd.functional

    def loss(x):
        return op(x).square().sum()

    jacobian = functional.jacobian(op, x)
    # The operator is linear in x.
    flat = jacobian.flatten(4).flatten(0, 3)
    assert_close(flat @ x.flatten(), op(x).flatten(), rtol=0, atol=1e-12)
    hessian = 2 * flat.T @ flat
    for strategy in ('reverse-mode', 'forward-mode'):
        actual = functional.jacobian(op, x, vectorize=True, strategy=strategy)
        assert_close(actual, jacobian, rtol=0, atol=1e-12)
        actual = functional.hessian(
            loss, x, vectorize=True, outer_jacobian_strategy=strategy)
        assert_close(
            actual.reshape(hessian.shape), hessian, rtol=0, atol=1e-11)
    assert_close(
        torch.func.hessian(loss)(x).reshape(hessian.shape),
        hessian,
        rtol=0,
        atol=1e-11)


def test_gradient_on_the_edge_is_the_same_with_create_graph():
    # Offsets of 0 put the outer taps exactly one pixel outside, where mmcv
    # has no slope.
    layer, (x, offset, mask) = modulated(2)
    offset = torch.zeros_like(offset).requires_grad_()
    out = layer(x, offset, mask)
    grad_out = torch.randn_like(out)
    plain, = torch.autograd.grad(out, offset, grad_out, retain_graph=True)
    graph, = torch.autograd.grad(out, offset, grad_out, create_graph=True)
    assert_close(graph, plain, rtol=0, atol=1e-12)


def raw_inputs():
    assert cpp.load()
    inputs = Case(batch=1, size=(3, 3)).inputs()
    weight = inputs.pop('weight').flatten(1)
    x, *others = inputs.values()
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 3, 3, 4, 0, 4, 1]
    return x, (weight, *others, settings)


def test_raw_operators_keep_forward_mode():
    x, others = raw_inputs()
    direction = torch.randn_like(x)
    operators = torch.ops.dksan_mm
    for op in (lambda x: operators.depthwise_forward(x, *others),
               lambda g: operators.depthwise_backward(g, x, *others)[0]):
        expected = op(direction)  # linear
        with forward_ad.dual_level():
            out = op(forward_ad.make_dual(x, direction))
            assert_close(
                forward_ad.unpack_dual(out).tangent,
                expected,
                rtol=0,
                atol=1e-12)
    _, tangent = torch.func.jvp(
        lambda x: operators.depthwise_forward(x, *others), (x, ),
        (direction, ))
    assert_close(
        tangent,
        operators.depthwise_forward(direction, *others),
        rtol=0,
        atol=1e-12)


def test_raw_gradient_operator_refuses_torch_func():
    x, others = raw_inputs()

    def op(grad_out):
        return torch.ops.dksan_mm.depthwise_backward(grad_out, x, *others)[0]

    with pytest.raises(NotImplementedError, match='the convolution itself'):
        torch.func.grad(lambda value: op(value).sum())(x)


@pytest.mark.parametrize('deform_groups', [1, 2])
def test_a_trace_has_the_right_size_or_is_refused(deform_groups):
    layer, inputs = modulated(deform_groups)
    with set_backend('cpp'), pytest.raises(
            RuntimeError, match='use torch.export'):
        torch.jit.trace(layer, tuple(inputs))
    with set_backend('torch'):  # mmcv's own
        traced = torch.jit.trace(layer, tuple(inputs))
    _, others = modulated(deform_groups, (4, 5), 2)
    assert_close(
        traced(*others),
        modulated_reference(layer, *others),
        rtol=0,
        atol=1e-12)
