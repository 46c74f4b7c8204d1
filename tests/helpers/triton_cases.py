# Copyright (c) DKSAN-MM contributors.
"""Cases of the operators for the Triton kernels, on the tested device."""
import torch
from helpers.op_cases import Case, Inputs, defined_gradients, defined_output
from torch import Tensor
from torch.testing import assert_close

from dksan_mm.ops.triton import path as triton_path

DEVICE = 'cpu' if triton_path.interpreted() else 'cuda'
# Of two pixels and taps, for the quick tests.
TINY = Case(
    batch=1,
    c_in=2,
    c_out=2,
    groups=1,
    scope=2,
    size=(1, 2),
    kernel_size=(1, 2),
    padding=(0, 1))
# The interpreter takes its time for each tap of each image.
SMALL = Case(batch=1, size=(3, 4))
# Sums of up to 36 products a number, or of some hundred for the gradients of
# the weight, each rounded to 6e-8 of their size.
ROUNDING = 1e-5


def drawn(case: Case,
          dtype: torch.dtype = torch.float32) -> tuple[Inputs, Tensor]:
    """Draw inputs and a gradient of the output."""
    inputs = {
        name: value if value is None else value.to(DEVICE)
        for name, value in case.inputs(dtype).items()
    }
    grad_out = torch.randn(case.batch, case.c_out, *case.out_size)
    return inputs, grad_out.to(DEVICE, dtype)


def on_cpu(inputs: Inputs) -> Inputs:
    """Return the same numbers in float32 on the CPU."""
    return {
        name: value if value is None else value.float().cpu()
        for name, value in inputs.items()
    }


def assert_defined(case: Case,
                   inputs: Inputs,
                   grad_out: Tensor,
                   found: dict[str, Tensor],
                   rounding: float = ROUNDING) -> None:
    """Compare gradients, and the output ``out``, with the definition.

    Args:
        rounding: Of the largest number of each tensor, at least of 1.
    """
    expected = defined_gradients(case, on_cpu(inputs), grad_out.float().cpu())
    expected['out'] = defined_output(case, on_cpu(inputs))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == inputs.get(name, inputs['x']).dtype
        scale = max(1, expected[name].abs().max().item())
        assert_close(
            value.cpu().double(),
            expected[name],
            rtol=0,
            atol=rounding * scale,
            msg=lambda text: f'{name}: {text}')
