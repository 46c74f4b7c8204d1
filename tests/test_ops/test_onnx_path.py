# Copyright (c) DKSAN-MM contributors.
"""The operators as standard ONNX operators."""
import io
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.op_cases import NAMES, Case, defined_output
from torch import nn
from torch.testing import assert_close

from dksan_mm.ops import (DeformKernelConv2d, ModulatedDeformConv2d, onnx_path,
                          torch_path)
from dksan_mm.ops.checks import Geometry, check_arguments

CASES = [
    Case(),
    Case(c_in=4, c_out=6, groups=2),
    Case(image_reach=None),
    Case(scope=3, mask=False),
    Case(size=(1, 1)),
    Case(image_reach=9, kernel_reach=5),
    Case(
        kernel_size=(3, 2),
        stride=(2, 1),
        padding=(1, 0),
        dilation=(2, 1),
        size=(7, 6)),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_it_gives_the_definition(case):
    inputs = case.inputs()
    geometry = check_arguments(**inputs, **case.settings)
    out = onnx_path.convolve(*(inputs[name] for name in NAMES), geometry)
    assert_close(out, defined_output(case, inputs), rtol=0, atol=1e-12)


@pytest.mark.parametrize('groups, offset_groups, reach', [(1, 2, 2.),
                                                          (2, 4, 30.),
                                                          (4, 1, 1e9)])
def test_groups_of_offsets_are_those_of_torch(groups, offset_groups, reach):
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), groups, (2, 5, 4),
                        offset_groups, True)
    x, weight = torch.randn(2, 8, 5, 4), torch.randn(4, 8 // groups, 3, 3)
    offset = reach * torch.randn(2, 18 * offset_groups, 5, 4)
    mask = torch.rand(2, 9 * offset_groups, 5, 4)
    inputs = [tensor.double() for tensor in (x, weight, offset, mask)]
    x, weight, offset, mask = inputs
    out, expected = (
        path.convolve(x, weight, offset, None, mask, geometry)
        for path in (onnx_path, torch_path))
    assert_close(out, expected, rtol=0, atol=1e-12)


class Modulated(nn.Module):
    """A modulated deformable convolution with large offsets."""

    def __init__(self, reach):
        super().__init__()
        self.layer = ModulatedDeformConv2d(4, 6, 3, padding=1, deform_groups=2)
        self.predictor, self.reach = nn.Conv2d(4, 54, 1), reach

    def forward(self, x):
        offset, mask = self.predictor(x).split([36, 18], 1)
        return self.layer(x, self.reach * offset, mask.sigmoid())


def shaken_layer(**settings):
    layer = DeformKernelConv2d(4, 4, **settings)
    for name, parameter in layer.named_parameters():
        nn.init.normal_(parameter, std=.5 if 'offset' in name else 1.)
    return layer


LAYERS = {
    'depthwise': shaken_layer,
    'dense': lambda: shaken_layer(groups=1, scope=3),
    'strided': lambda: shaken_layer(stride=2),
    'image offsets': lambda: shaken_layer(kernel_offsets=False),
    'kernel offsets': lambda: shaken_layer(image_offsets=False),
    'global': lambda: shaken_layer(kernel_offsets='global'),
    'modulated': lambda: Modulated(1.),
    'modulated, far': lambda: Modulated(1e9),
}


@pytest.mark.parametrize('make', LAYERS.values(), ids=LAYERS)
def test_a_graph_takes_any_size(make):
    layer, content = make(), io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            layer, (torch.rand(1, 4, 6, 8), ),
            content,
            dynamo=False,
            opset_version=17,
            input_names=['x'],
            dynamic_axes=dict(x={
                2: 'h',
                3: 'w'
            }))
    graph = onnx.load_from_string(content.getvalue())
    assert {node.domain for node in graph.graph.node} == {''}
    session = onnxruntime.InferenceSession(
        content.getvalue(), providers=['CPUExecutionProvider'])
    for size in ((6, 8), (9, 5), (3, 1), (1, 1)):
        x = torch.rand(1, 4, *size)
        out, = session.run(None, dict(x=x.numpy()))
        with torch.no_grad():
            expected = layer(x).numpy()
        np.testing.assert_allclose(out, expected, rtol=0, atol=2e-5)
