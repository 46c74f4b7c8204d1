# Copyright (c) DKSAN-MM contributors.
"""The whole network for compilers and CUDA graphs: one static graph."""
from collections.abc import Iterator

import pytest
import torch
from helpers.dry_runs import build_on_gpu, imaginary_gpu
from torch import Tensor
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing import assert_close

from dksan_mm.models import DKSANNet
from dksan_mm.ops import (ModulatedDeformConv2d, modulated_deform_conv,
                          set_backend)
from dksan_mm.ops.triton import path as triton_path

SMALL = dict(channels=8, num_blocks=(1, 1), deform_groups=2, reduction=4)
# What waits for a GPU: a number, or a shape that depends on numbers.
READS = ('_local_scalar_dense', 'item', 'nonzero', 'masked_select', 'unique',
         'is_nonzero', 'equal')


@pytest.fixture
def backend(request, monkeypatch) -> Iterator[str]:
    """Run with an implementation.

    If mmcv has been imported, pure torch would be mmcv's own operator, which
    cannot be traced.
    """
    if request.param == 'torch':
        plain = modulated_deform_conv._PlainModulatedDeformConv2d
        monkeypatch.setattr(ModulatedDeformConv2d, 'forward', plain.forward)
    with set_backend(request.param):
        yield request.param


def network() -> DKSANNet:
    torch.manual_seed(0)
    net = DKSANNet(**SMALL).eval()
    for weight in net.parameters():  # offsets begin at zero
        weight.data += 0.02 * torch.randn_like(weight)
    return net


def trace(net: torch.nn.Module, frames: Tensor) -> GraphModule:
    """Return the calls of torch's operators, for these shapes."""
    parameters = dict(net.named_parameters())
    return make_fx(lambda *tensors: functional_call(net, *tensors))(parameters,
                                                                    (frames, ))


def reads(graph: GraphModule) -> list[str]:
    """Return operators of a graph that make the program wait for a GPU."""
    names = [
        node.target._schema.name.split('::')[1] for node in graph.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload)
    ]
    assert len(names) > 100
    return [name for name in names if name in READS]


def devices(graph: GraphModule) -> set[str]:
    """Return the devices of all tensors in a graph."""
    values = [node.meta.get('val') for node in graph.graph.nodes]
    return {
        one.device.type
        for value in values
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(one, Tensor)
    }


@pytest.mark.parametrize('backend', ['torch', 'cpp'], indirect=True)
@torch.no_grad()
def test_a_graph_for_one_size_reads_no_number(backend):
    net, frames = network(), torch.rand(1, 7, 3, 5, 6)
    graph = trace(net, frames)
    assert reads(graph) == []
    other = torch.rand_like(frames)
    out = graph(dict(net.named_parameters()), (other, ))
    assert_close(out, net(other), rtol=0, atol=1e-4)


def test_a_read_would_be_found():

    class Reads(torch.nn.Module):

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(100):
                x = x + 1
            return x[x.nonzero(as_tuple=True)]

    assert 'nonzero' in reads(trace(Reads(), torch.rand(3)))


@pytest.mark.slow
@pytest.mark.skipif(
    not triton_path.available(), reason='triton is not installed')
@pytest.mark.parametrize('backend', ['torch', 'triton'], indirect=True)
@torch.no_grad()
def test_a_graph_on_a_gpu_has_no_tensor_elsewhere(backend):
    with imaginary_gpu(backend) as numbers:
        net = build_on_gpu(lambda: DKSANNet(**SMALL))
        graph = trace(net, torch.rand(1, 7, 3, 5, 6, device='cuda'))
        assert reads(graph) == []
    assert numbers.places == []
    assert devices(graph) == {'cuda'}


@pytest.mark.slow
@pytest.mark.parametrize('compiler', ['eager', 'aot_eager'])
@pytest.mark.parametrize('backend', ['torch', 'cpp'], indirect=True)
def test_the_network_compiles_in_one_graph(backend, compiler):
    net, frames = network().double(), torch.rand(1, 7, 3, 5, 6).double()
    compiled = torch.compile(net, fullgraph=True, backend=compiler)
    losses = [run(frames).square().sum() for run in (compiled, net)]
    leaves = list(net.parameters())
    grads = [torch.autograd.grad(loss, leaves) for loss in losses]
    assert_close(*losses, rtol=1e-9, atol=0)
    assert_close(*grads, rtol=1e-6, atol=1e-9)
