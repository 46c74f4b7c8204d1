# Copyright (c) DKSAN-MM contributors.
"""The Triton kernels: in the interpreter, on a GPU if any, and absent."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dksan_mm.ops import deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import path as triton_path

ROOT = Path(__file__).parents[3]
CASES = Path(__file__).with_name('cases.py')

needs_triton = pytest.mark.skipif(
    not triton_path.available(), reason='triton is not installed')
needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='there is no GPU')


def run(*arguments: str, **environment: str) -> None:
    done = subprocess.run([sys.executable, *arguments],
                          cwd=ROOT,
                          env={
                              **os.environ,
                              **environment
                          },
                          capture_output=True,
                          text=True,
                          timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


@pytest.mark.slow
@needs_triton
def test_cases_in_the_interpreter():
    run('-m', 'pytest', '-q', str(CASES), TRITON_INTERPRET='1')


@pytest.mark.gpu
@needs_triton
@needs_gpu
def test_cases_on_a_gpu():
    run('-m', 'pytest', '-q', str(CASES), TRITON_INTERPRET='0')


def inputs():
    return torch.randn(1, 2, 4, 5), torch.randn(2, 1, 4,
                                                4), torch.randn(1, 18, 4, 5)


def test_demanded_but_not_installed(monkeypatch):
    monkeypatch.setattr(triton_path, 'available', lambda: False)
    with set_backend('triton'), pytest.raises(RuntimeError, match='installed'):
        deform_kernel_conv2d(*inputs())


@needs_triton
def test_demanded_without_a_gpu(monkeypatch):
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    with set_backend('triton'), pytest.raises(RuntimeError, match="'cpu'"):
        deform_kernel_conv2d(*inputs())


@needs_triton
def test_not_taken_for_cpu_tensors(monkeypatch):
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    monkeypatch.setattr(triton_path, 'convolve', None)
    with set_backend('auto'):
        deform_kernel_conv2d(*inputs())
