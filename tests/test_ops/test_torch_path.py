# Copyright (c) DKSAN-MM contributors.
"""The operator in pure torch, in bands of any size.

test_deform_kernel.py compares its values with the definition.
"""
import pytest
import torch
from helpers.op_cases import NAMES, Case, defined_output
from torch.testing import assert_close

from dksan_mm.ops import torch_path
from dksan_mm.ops.checks import check_arguments

CASE = Case(c_in=4, c_out=6, groups=2, size=(4, 5))


def run(inputs):
    geometry = check_arguments(**inputs, **CASE.settings)
    return torch_path.convolve(*(inputs[name] for name in NAMES), geometry)


@pytest.mark.parametrize('pixels', [1, 7, 1000])
def test_bands_of_any_size_give_the_definition(monkeypatch, pixels):
    bytes_a_pixel = 9 * CASE.c_in * 8
    monkeypatch.setitem(torch_path.BAND_BYTES, 'cpu', pixels * bytes_a_pixel)
    inputs = CASE.inputs()
    assert_close(run(inputs), defined_output(CASE, inputs), rtol=0, atol=1e-12)


def test_gradients_do_not_depend_on_the_bands(monkeypatch):
    inputs = CASE.inputs()
    leaves = [inputs[name].requires_grad_() for name in NAMES]
    grads = []
    for limit in (1, 2**30):
        monkeypatch.setitem(torch_path.BAND_BYTES, 'cpu', limit)
        grads.append(torch.autograd.grad(run(inputs).square().sum(), leaves))
    assert_close(*grads, rtol=0, atol=1e-11)


def test_gradients_that_can_be_differentiated_again():
    inputs = CASE.inputs()
    leaves = [inputs[name].requires_grad_() for name in NAMES]
    out = run(inputs)
    grad_out = torch.randn_like(out)
    expected = torch.autograd.grad(out, leaves, grad_out)
    found = torch_path.differentiable_gradients(
        grad_out.requires_grad_(), leaves,
        check_arguments(**inputs, **CASE.settings))
    assert_close(tuple(found), expected, rtol=0, atol=1e-12)
    assert all(grad.requires_grad for grad in found)
