# Copyright (c) DKSAN-MM contributors.
"""The kernels on an image of two pixels, for the quick tests.

test_kernels.py tests everything else, slowly, in Triton's interpreter.
"""
import pytest
from helpers.op_cases import defined_gradients, defined_output, gradients
from helpers.triton_cases import TINY, drawn, on_cpu
from torch.testing import assert_close

from dksan_mm.ops import deform_kernel_conv2d, set_backend

# Imports triton.
pytest.importorskip('dksan_mm.ops.triton.kernels')


def test_kernels_and_their_sampling_are_the_definition():
    case = TINY.but(groups=2)
    inputs, grad_out = drawn(case)
    with set_backend('triton'):
        found = gradients(deform_kernel_conv2d, inputs, grad_out,
                          **case.settings)
        found['out'] = deform_kernel_conv2d(**inputs, **case.settings)
    expected = defined_gradients(case, on_cpu(inputs), grad_out.cpu())
    expected['out'] = defined_output(case, on_cpu(inputs))
    assert_close(
        found,
        expected,
        rtol=0,
        atol=1e-5,
        check_dtype=False,
        check_device=False)
