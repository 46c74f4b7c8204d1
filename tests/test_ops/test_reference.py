# Copyright (c) DKSAN-MM contributors.
"""The slow definitions compared with operators by others."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.op_cases import NAMES, Case, as_arrays, defined_output
from helpers.op_reference import (deform_kernel_conv2d_gradients,
                                  deform_kernel_conv2d_reference,
                                  kernel_corners,
                                  modulated_deform_conv2d_reference)
from torch.testing import assert_close
from torchvision.ops import deform_conv2d

GEOMETRIES = [
    dict(stride=1, padding=1, dilation=1),
    dict(stride=(2, 1), padding=(1, 2), dilation=(2, 1)),
    dict(stride=2, padding=0, dilation=1),
]


@pytest.mark.parametrize('geometry', GEOMETRIES, ids=str)
@pytest.mark.parametrize('c_in, c_out, groups', [(4, 4, 4), (3, 2, 1),
                                                 (4, 6, 2)])
def test_deform_kernel_without_offsets(geometry, c_in, c_out, groups):
    case = Case(
        c_in=c_in,
        c_out=c_out,
        groups=groups,
        scope=3,
        mask=False,
        image_reach=None,
        kernel_reach=None,
        **geometry)
    inputs = case.inputs()
    assert_close(
        defined_output(case, inputs),
        F.conv2d(inputs['x'], inputs['weight'], groups=groups, **geometry),
        rtol=0,
        atol=1e-13)


@pytest.mark.parametrize('geometry', GEOMETRIES, ids=str)
@pytest.mark.parametrize('deform_groups', [1, 2])
@pytest.mark.parametrize('groups', [1, 2, 4])
@pytest.mark.parametrize('masked', [True, False])
def test_modulated_deform_conv(geometry, deform_groups, groups, masked):
    case = Case(
        c_out=2 * groups,
        groups=groups,
        scope=3,
        size=(4, 5),
        image_reach=3,
        **geometry)
    x, weight = (case.inputs()[name] for name in ('x', 'weight'))
    drawn = [case.inputs() for _ in range(deform_groups)]
    offset = torch.cat([d['image_offset'] for d in drawn], 1)
    mask = torch.cat([d['mask'] for d in drawn], 1) if masked else None
    bias = torch.randn(2 * groups, dtype=torch.float64)
    defined = modulated_deform_conv2d_reference(
        x.numpy(),
        offset.numpy(),
        mask if mask is None else mask.numpy(),
        weight.numpy(),
        bias.numpy(),
        deform_groups=deform_groups,
        **geometry)
    assert_close(
        torch.from_numpy(defined),
        deform_conv2d(x, offset, weight, bias, mask=mask, **geometry),
        rtol=0,
        atol=1e-12)


@pytest.mark.parametrize('row, read', [(-3., 1.), (0., 1.), (.25, 1.5),
                                       (1.5, 6.), (2., 9.), (2.1, 9.)])
def test_kernel_positions_are_clamped(row, read):
    column = np.array([1., 3., 9.])
    for corners, axis in ((kernel_corners(row, 1., 3), 'row'),
                          (kernel_corners(1., row, 3), 'col')):
        value = sum(column[getattr(at, axis)] * at.value for at in corners)
        assert value == pytest.approx(read, abs=1e-15)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize(
    'case', [
        Case(batch=1, size=(2, 3)),
        Case(batch=1, groups=2, scope=3, kernel_size=(2, 3), stride=(2, 1)),
        Case(batch=1, groups=1, image_reach=3, kernel_reach=3, size=(3, 2)),
    ],
    ids=['depthwise', 'geometry', 'dense and far'])
def test_gradients_against_central_differences(name, case):
    arrays = as_arrays(case.inputs())
    grad_out = np.random.randn(1, case.c_out, *case.out_size)
    expected = deform_kernel_conv2d_gradients(grad_out, **arrays,
                                              **case.settings)[name]
    # Exact but for rounding: between kinks the operator is linear in each
    # number, and the positions keep 0.1 off the kinks.
    step = 2.**-8
    for index in np.random.choice(expected.size, 12, replace=False):
        values = []
        for sign in (1, -1):
            moved = arrays[name].copy()
            moved.flat[index] += sign * step
            out = deform_kernel_conv2d_reference(**{
                **arrays, name: moved
            }, **case.settings)
            values.append((out * grad_out).sum())
        slope = (values[0] - values[1]) / (2 * step)
        assert slope == pytest.approx(expected.flat[index], abs=1e-10)
