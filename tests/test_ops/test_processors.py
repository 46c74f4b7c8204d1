# Copyright (c) DKSAN-MM contributors.
"""The operator's C++ code on other processors."""
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.op_cases import Case, as_arrays, defined_gradients, defined_output
from helpers.op_reference import pair
from torch.testing import assert_close

from dksan_mm.ops import extension

DRIVER = Path(__file__).parents[1] / 'helpers/kernel_driver.cpp'
KERNELS = ('columns', 'dense', 'depthwise')
# Compiler, flags and emulator. The plain x86-64 build has vectors of 16 bytes
# and no fused multiply-add.
PROCESSORS = dict(
    plain=('c++', ['-march=x86-64'], []),
    native=('c++', ['-march=native'], []),
    aarch64=('aarch64-linux-gnu-g++', ['-march=armv8-a',
                                       '-static'], ['qemu-aarch64']))
CASES = dict(
    depthwise=Case(batch=1, c_in=37, c_out=37, groups=37),
    depthwise_at_rest=Case(
        batch=1, c_in=6, c_out=6, groups=6, scope=3, kernel_reach=None),
    dense=Case(batch=1, c_in=21, c_out=13, groups=1, scope=3),
    grouped=Case(batch=1, c_in=10, c_out=6, groups=2),
    dense_at_rest=Case(
        batch=1, c_in=5, c_out=9, groups=1, scope=3, kernel_reach=None),
    geometry=Case(
        batch=1, size=(6, 7), stride=(2, 1), padding=(1, 2), dilation=(2, 1)),
    many_pixels=Case(batch=1, c_in=2, c_out=2, groups=2, size=(37, 29)),
    many_pixels_dense=Case(batch=1, c_in=2, c_out=2, groups=1, size=(23, 29)))


@pytest.fixture(scope='module', params=PROCESSORS)
def processor(request, tmp_path_factory):
    """Return a command that runs code compiled for a processor."""
    compiler, flags, emulator = PROCESSORS[request.param]
    if request.param == 'plain' and platform.machine() != 'x86_64':
        pytest.skip('this is not an x86-64 processor')
    for program in (compiler, *emulator):
        if shutil.which(program) is None:
            pytest.skip(f'{program} is not installed')
    program = tmp_path_factory.mktemp('driver') / request.param
    sources = [extension.SOURCES / f'{name}.cpp' for name in KERNELS]
    common = [x for x in extension.FLAGS if not x.startswith('-march')]
    subprocess.run([
        compiler, *common, *flags, '-std=c++17', '-I', extension.SOURCES,
        DRIVER, *sources, '-o', program
    ],
                   check=True)
    return [*emulator, program]


def settings_of(case):
    per_axis = (case.size, case.out_size, case.kernel_size, case.stride,
                case.padding, case.dilation)
    return [
        *(number for value in per_axis for number in pair(value)), case.scope,
        0, case.c_in, case.c_out, case.groups,
        int(case.kernel_reach is not None)
    ]


def compute(processor, case, dtype, inputs, grad_out):
    """Return the output and the gradients by the driver, as flat arrays."""
    given = [x for x in as_arrays(inputs).values() if x is not None]
    numbers = [np.array(settings_of(case)), *given, grad_out.numpy()]
    data = b''.join(x.astype(np.float64).tobytes() for x in numbers)
    done = subprocess.run([*processor, dtype],
                          input=data,
                          capture_output=True,
                          check=True,
                          timeout=300)
    sizes = [grad_out.numel(), *(x.size for x in given)]
    return np.split(np.frombuffer(done.stdout), np.cumsum(sizes)[:-1])


@pytest.mark.slow
@pytest.mark.parametrize('dtype, tolerance', [('double', 1e-11),
                                              ('float', 1e-4)])
@pytest.mark.parametrize('name', CASES)
def test_values_and_gradients(processor, name, dtype, tolerance):
    case = CASES[name]
    inputs = case.inputs()
    grad_out = torch.randn(1, case.c_out, *case.out_size).double()
    # Exact in float32: the positions are the same in both types.
    inputs = {
        key: value if value is None else value.float().double()
        for key, value in inputs.items()
    }
    out, *grads = compute(processor, case, dtype, inputs, grad_out)
    expected = defined_gradients(case, inputs, grad_out)
    assert_close(
        torch.from_numpy(out.copy()),
        defined_output(case, inputs).flatten(),
        rtol=tolerance,
        atol=tolerance)
    assert len(grads) == len(expected)
    for actual, wanted in zip(grads, expected.values()):
        assert_close(
            torch.from_numpy(actual.copy()),
            wanted.flatten(),
            rtol=tolerance,
            atol=tolerance)
