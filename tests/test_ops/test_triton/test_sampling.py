# Copyright (c) DKSAN-MM contributors.
"""The kernels on an image of two pixels, for the quick tests.

test_kernels.py tries all else, slowly: Triton's interpreter takes its time.
"""
import pytest
import torch
from helpers.op_cases import Case, defined_gradients, defined_output, gradients
from torch.testing import assert_close

from dksan_mm.ops import deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import path as triton_path

# Imports triton.
pytest.importorskip('dksan_mm.ops.triton.kernels')
DEVICE = 'cpu' if triton_path.interpreted() else 'cuda'
CASE = Case(
    batch=1,
    c_in=2,
    c_out=2,
    groups=2,
    scope=2,
    size=(1, 2),
    kernel_size=(1, 2),
    padding=(0, 1))


def test_kernels_and_their_sampling_are_the_definition():
    inputs = CASE.inputs(torch.float32)
    grad_out = torch.randn(1, 2, *CASE.out_size)
    expected = defined_gradients(CASE, inputs, grad_out)
    expected['out'] = defined_output(CASE, inputs)
    inputs = {name: value.to(DEVICE) for name, value in inputs.items()}
    with set_backend('triton'):
        found = gradients(deform_kernel_conv2d, inputs, grad_out.to(DEVICE),
                          **CASE.settings)
        found['out'] = deform_kernel_conv2d(**inputs, **CASE.settings)
    assert_close(
        found,
        expected,
        rtol=0,
        atol=1e-5,
        check_dtype=False,
        check_device=False)
