# Copyright (c) DKSAN-MM contributors.
"""'auto' uses Triton if its kernels compute the results of pure torch."""
import warnings

import pytest
import torch
from helpers.op_cases import Case, defined_output, gradients
from torch.testing import assert_close

from dksan_mm.ops import backend, deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import path as triton_path
from dksan_mm.ops.triton import self_check

# Jitted functions look for them in their module.
triton = pytest.importorskip('triton')
tl = pytest.importorskip('triton.language')
pytestmark = pytest.mark.skipif(
    not triton_path.interpreted(), reason="needs Triton's interpreter")
CPU = torch.device('cpu')
CASE = Case(batch=1, size=(2, 2), kernel_size=(1, 2), padding=(0, 1))


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Make 'auto' work on the CPU as on a GPU, with no check done yet."""
    monkeypatch.setattr(backend, 'CHECKED_DEVICES', ('cpu', ))
    monkeypatch.setattr(self_check, 'known', {})
    with set_backend('auto'):
        yield


@pytest.fixture
def used(monkeypatch):
    """Record the calls of the Triton path."""
    calls, convolve = [], triton_path.convolve

    def counted(*args):
        calls.append(args)
        return convolve(*args)

    monkeypatch.setattr(triton_path, 'convolve', counted)
    return calls


def transposed_weights(fy, fx):
    """Return ``sampling.four`` with two neighbours exchanged."""
    return (((1 - fy) * (1 - fx))[:, None], (fy * (1 - fx))[:, None],
            ((1 - fy) * fx)[:, None], (fy * fx)[:, None])


def turned_slopes(fy, fx, s00, s01, s10, s11):
    """Return ``sampling.slopes`` without its fractions."""
    return s10 - s00, s01 - s00


@pytest.fixture
def wrong_values(monkeypatch):
    from dksan_mm.ops.triton import sampling
    monkeypatch.setattr(sampling, 'four', triton.jit(transposed_weights))


@pytest.fixture
def wrong_gradients(monkeypatch):
    from dksan_mm.ops.triton import kernels
    monkeypatch.setattr(kernels, 'slopes', triton.jit(turned_slopes))


@pytest.fixture
def no_compiler(monkeypatch):
    from dksan_mm.ops.triton import launch

    def fail(self):
        raise RuntimeError('ptxas is not executable')

    monkeypatch.setattr(launch.Launch, 'function', fail)


def drawn(dtype=torch.float32):
    return {
        name: value if name == 'weight' else value.to(dtype)
        for name, value in CASE.inputs(torch.float32).items()
    }


@pytest.mark.parametrize('dtype', [
    torch.float32,
    pytest.param(torch.bfloat16, marks=pytest.mark.slow),
    pytest.param(torch.float16, marks=pytest.mark.slow),
])
def test_right_kernels_pass_once_and_are_used(used, dtype):
    state = torch.get_rng_state()
    inputs = drawn(dtype)
    torch.set_rng_state(state)
    with warnings.catch_warnings():
        warnings.filterwarnings('error', 'the Triton kernels')
        with torch.no_grad():
            deform_kernel_conv2d(**inputs, **CASE.settings)
            deform_kernel_conv2d(**inputs, **CASE.settings)
    assert len(used) == 3  # the check, and two calls
    assert torch.equal(torch.get_rng_state(), state)
    assert self_check.known == {(dtype, CPU, 'depthwise'): True}


@pytest.mark.slow
@pytest.mark.parametrize('dtype',
                         [torch.float32, torch.bfloat16, torch.float16])
def test_dense_kernels_pass(dtype):
    assert self_check.passes(dtype, CPU, 'dense')
    assert self_check.known == {(dtype, CPU, 'dense'): True}


@pytest.mark.parametrize('broken, reason', [
    ('wrong_values', r'the error is \S+\)'),
    ('wrong_gradients', r'the error is \S+\)'),
    ('no_compiler', 'RuntimeError: ptxas is not executable'),
])
def test_wrong_kernels_are_left_with_one_warning(broken, reason, request):
    request.getfixturevalue(broken)
    inputs = drawn()
    with pytest.warns(UserWarning, match=reason) as caught:
        outputs = [
            deform_kernel_conv2d(**inputs, **CASE.settings) for _ in range(2)
        ]
    said = [w for w in caught if 'Triton' in str(w.message)]
    assert len(said) == 1
    assert 'float32 on cpu' in str(said[0].message)
    assert 'pure torch is used' in str(said[0].message)
    expected = defined_output(CASE, inputs)
    for out in outputs:
        assert_close(out.double(), expected, rtol=0, atol=1e-5)


def test_wrong_kernels_demanded_are_used(wrong_values):
    inputs = drawn()
    with set_backend('triton'):
        out = deform_kernel_conv2d(**inputs, **CASE.settings)
    assert (out - defined_output(CASE, inputs)).abs().max() > 0.01


def test_checked_while_gradients_are_off(used):
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16):
        assert backend.triton_available(CPU, torch.float32, 'depthwise')
    assert len(used) == 1


def test_not_compared_while_a_graph_is_captured(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_current_stream_capturing',
                        lambda: True)
    cuda = torch.device('cuda', 0)
    assert not self_check.passes(torch.float32, cuda, 'dense')
    assert not self_check.known
    self_check.known[torch.float32, cuda, 'dense'] = True
    assert self_check.passes(torch.float32, cuda, 'dense')


def test_not_where_results_must_repeat(used):
    inputs = drawn()
    torch.use_deterministic_algorithms(True)
    try:
        deform_kernel_conv2d(**inputs, **CASE.settings)
    finally:
        torch.use_deterministic_algorithms(False)
    assert not used


def test_no_check_without_the_package(monkeypatch, used):
    monkeypatch.setattr(triton_path, 'available', lambda: False)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        deform_kernel_conv2d(**drawn(), **CASE.settings)
    assert not used


@pytest.mark.slow
def test_compiled_with_what_was_checked(used):
    inputs = drawn()
    function = torch.compile(
        lambda *tensors: deform_kernel_conv2d(*tensors, **CASE.settings),
        fullgraph=True,
        backend='aot_eager')
    out = function(*inputs.values())
    assert used
    assert_close(out.double(), defined_output(CASE, inputs), rtol=0, atol=1e-5)


def test_gradients_after_the_check_are_tritons(used):
    inputs = drawn()
    grad_out = torch.randn(1, 4, *CASE.out_size)
    found = gradients(deform_kernel_conv2d, inputs, grad_out, **CASE.settings)
    with set_backend('torch'):
        expected = gradients(deform_kernel_conv2d, inputs, grad_out,
                             **CASE.settings)
    assert len(used) == 2
    assert_close(found, expected, rtol=0, atol=1e-5)
