# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from helpers.op_cases import Case, defined_gradients
from torch.testing import assert_close

from dksan_mm.ops.differentiable import differentiable, plain_terms

CASE = Case(batch=2, c_in=4, c_out=6, groups=2, size=(3, 4))


def arguments(case):
    inputs = case.inputs(torch.float64)
    tensors = [
        inputs['x'], inputs['weight'].flatten(2),
        *(inputs[name] for name in ('image_offset', 'kernel_offset', 'mask'))
    ]
    settings = [
        3, 3, 1, 1, 1, 1, 1, 1, *case.out_size, inputs['weight'].shape[-1], 0,
        case.groups, 1
    ]
    return inputs, tensors, settings


@pytest.mark.parametrize(
    'case', [CASE, CASE.but(kernel_reach=None, scope=3)],
    ids=['mixed', 'at rest'])
def test_gradients_are_those_of_the_definition(case):
    inputs, tensors, settings = arguments(case)
    grad_out = torch.randn(2, 6, *case.out_size, dtype=torch.float64)
    expected = defined_gradients(case, inputs, grad_out)
    found = dict(zip(inputs, differentiable(grad_out, tensors, settings)))
    expected['weight'] = expected['weight'].flatten(2)
    for name, value in expected.items():
        assert_close(found[name], value, rtol=0, atol=1e-10)


def test_they_can_be_differentiated_again():
    _, tensors, settings = arguments(CASE)
    grad_out = torch.randn(2, 6, *CASE.out_size, dtype=torch.float64)
    tensors[1].requires_grad_()
    grad_x = differentiable(grad_out, tensors, settings)[0]
    # The gradient of x is linear in the weight.
    twice, = torch.autograd.grad(grad_x.sum(), tensors[1])
    assert_close((twice * tensors[1]).sum(), grad_x.sum())


def test_terms_have_the_weight_in_rows_and_columns():
    _, tensors, settings = arguments(CASE)
    geometry, whole = plain_terms(tensors, settings)
    assert whole[1].shape == (6, 2, 4, 4)
    assert (geometry.groups, geometry.offset_groups) == (2, 1)
    assert geometry.out_shape == (2, *CASE.out_size)
