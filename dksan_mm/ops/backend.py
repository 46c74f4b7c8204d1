# Copyright (c) DKSAN-MM contributors.
"""Which implementation the operators use."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from . import cpp
from .triton import path as triton_path
from .triton import self_check

BACKENDS = ('auto', 'torch', 'cpp', 'triton')
VARIABLE = 'DKSAN_MM_BACKEND'
# Where 'auto' takes Triton once its kernels have been compared.
CHECKED_DEVICES = ('cuda', )

_chosen: str | None = None


class set_backend:
    """Choose the implementation, for good or for a ``with`` block.

    ``'cpp'``: compiled C++ on CPU tensors, an error where it cannot be built.
    ``'triton'``: Triton on CUDA tensors (float64: pure torch), an error where
    it is not installed and for tensors elsewhere. ``'torch'``: pure torch.
    ``'auto'`` (the default, unless the environment variable
    ``DKSAN_MM_BACKEND`` says otherwise): C++ on CPU tensors if it can be
    built; Triton on CUDA tensors once a small comparison with pure torch has
    gone well, unless torch is to use deterministic algorithms; else pure
    torch.

    Args:
        name (str): ``'auto'``, ``'torch'``, ``'cpp'`` or ``'triton'``.

    Raises:
        ValueError: If there is no such implementation.
    """

    def __init__(self, name: str) -> None:
        global _chosen
        self._previous, _chosen = _chosen, _checked(name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        global _chosen
        _chosen = self._previous


def get_backend() -> str:
    """The name chosen: 'auto', 'torch', 'cpp' or 'triton'."""
    return _chosen or _checked(os.environ.get(VARIABLE, 'auto'))


def _checked(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f'backend must be one of {BACKENDS}, got {name!r}')
    return name


def constant_for_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let torch.compile call ``function`` instead of tracing it.

    What ``torch.compiler.assume_constant_result`` does, without its import of
    the whole compiler, which takes seconds.
    """
    setattr(function, '_dynamo_marked_constant', True)
    return function


@constant_for_compile
def exporting_onnx() -> bool:
    """Return whether ``torch.onnx.export`` is at work.

    It knows standard operators alone, whatever has been chosen.
    """
    onnx = sys.modules.get('torch.onnx')  # not imported to find out
    return onnx is not None and onnx.is_in_onnx_export()


@constant_for_compile
def cpp_available() -> bool:
    """Return whether CPU tensors go through C++: wanted, and built if need be.

    Raises:
        RuntimeError: If C++ is demanded and cannot be built.
    """
    name = get_backend()
    if name in ('torch', 'triton'):
        return False
    there = cpp.load()
    if name == 'cpp' and not there:
        raise RuntimeError('the C++ operators cannot be built here, see the '
                           'warning above')
    return there


def use_cpp(x: Tensor) -> bool:
    """Return whether ``x``, float32 or float64, goes through C++.

    On the meta device they compute shapes.
    """
    return x.device.type in ('cpu', 'meta') and cpp_available()


@constant_for_compile
def triton_available(device: torch.device, dtype: torch.dtype,
                     form: str) -> bool:
    """Return whether tensors go through Triton: demanded, or it has passed.

    Args:
        device (torch.device): Where they are.
        dtype (torch.dtype): Type of the images.
        form (str): ``'depthwise'`` or ``'dense'``.

    Raises:
        RuntimeError: If Triton is demanded and does not work there.
    """
    name = get_backend()
    if name == 'auto':
        return device.type in CHECKED_DEVICES and _passes(dtype, device, form)
    if name != 'triton':
        return False
    if not triton_path.available():
        raise RuntimeError('triton is not installed')
    if device.type not in ('cuda', 'meta') and not triton_path.interpreted():
        raise RuntimeError('the Triton kernels need tensors on a GPU, got '
                           f'them on {device.type!r}')
    return True


def _passes(dtype: torch.dtype, device: torch.device, form: str) -> bool:
    """Return whether Triton may be taken unasked.

    Not where results must repeat exactly: it adds atomically.
    """
    if not triton_path.available() or \
            torch.are_deterministic_algorithms_enabled():
        return False
    if device.type == 'cuda' and not torch.cuda.is_available():
        return False  # tensors without numbers, as FakeTensorMode's
    return self_check.passes(dtype, device, form)


def use_triton(x: Tensor, weight: Tensor, form: str) -> bool:
    """Return whether these go through the Triton kernels of a form."""
    return ({x.dtype, weight.dtype} <= triton_path.DTYPES
            and triton_available(x.device, x.dtype, form))
