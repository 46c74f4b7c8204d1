# Copyright (c) DKSAN-MM contributors.
"""The choice of Triton, and messages if it cannot be used."""
import pytest
import torch

from dksan_mm.ops import deform_kernel_conv2d, set_backend
from dksan_mm.ops.triton import path as triton_path

needs_triton = pytest.mark.skipif(
    not triton_path.available(), reason='triton is not installed')


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
