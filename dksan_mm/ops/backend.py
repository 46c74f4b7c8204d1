# Copyright (c) DKSAN-MM contributors.
"""Choice of the operators' implementation."""

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
# Devices on which 'auto' uses Triton after the self-check.
CHECKED_DEVICES = ('cuda', )

_chosen: str | None = None


class set_backend:
    """Choose the implementation permanently or for a ``with`` block.

    ``'cpp'``: compiled C++ on CPU tensors, an error if it cannot be built.
    ``'triton'``: Triton on CUDA tensors (float64: pure torch), an error if it
    is not installed or the tensors are elsewhere. ``'torch'``: pure torch.
    ``'auto'`` (the default, unless the environment variable
    ``DKSAN_MM_BACKEND`` is set): C++ on CPU tensors if it can be built; Triton
    on CUDA tensors if a small comparison with pure torch succeeds and torch
    does not require deterministic algorithms; else pure torch.

    Args:
        name (str): ``'auto'``, ``'torch'``, ``'cpp'`` or ``'triton'``.

    Raises:
        ValueError: If ``name`` is not one of these.
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
    """Return the chosen name: 'auto', 'torch', 'cpp' or 'triton'."""
    return _chosen or _checked(os.environ.get(VARIABLE, 'auto'))


def _checked(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f'backend must be one of {BACKENDS}, got {name!r}')
    return name


def constant_for_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make torch.compile call ``function`` instead of tracing it.

    Like ``torch.compiler.assume_constant_result``, but without importing the
    whole compiler, which takes seconds.
    """
    setattr(function, '_dynamo_marked_constant', True)
    return function


@constant_for_compile
def exporting_onnx() -> bool:
    """Return whether ``torch.onnx.export`` is running.

    It supports only standard operators, whatever backend is chosen.
    """
    onnx = sys.modules.get('torch.onnx')  # avoids importing it
    return onnx is not None and onnx.is_in_onnx_export()


@constant_for_compile
def cpp_available() -> bool:
    """Return whether CPU tensors use C++, building it if necessary.

    Raises:
        RuntimeError: If the backend is 'cpp' and C++ cannot be built.
    """
    name = get_backend()
    if name in ('torch', 'triton'):
        return False
    available = cpp.load()
    if name == 'cpp' and not available:
        raise RuntimeError('the C++ operators cannot be built here, see the '
                           'warning above')
    return available


def use_cpp(x: Tensor) -> bool:
    """Return whether ``x``, float32 or float64, uses the C++ operators.

    On the meta device, they compute shapes.
    """
    return x.device.type in ('cpu', 'meta') and cpp_available()


@constant_for_compile
def triton_available(device: torch.device, dtype: torch.dtype,
                     form: str) -> bool:
    """Return whether tensors use Triton: required, or self-check passed.

    Args:
        device (torch.device): Device of the tensors.
        dtype (torch.dtype): Data type of the images.
        form (str): ``'depthwise'`` or ``'dense'``.

    Raises:
        RuntimeError: If the backend is 'triton' and does not work there.
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
    """Return whether 'auto' may use Triton.

    Not with deterministic algorithms: the kernels use atomic additions.
    """
    if not triton_path.available() or \
            torch.are_deterministic_algorithms_enabled():
        return False
    if device.type == 'cuda' and not torch.cuda.is_available():
        return False  # tensors without data, as of FakeTensorMode
    return self_check.passes(dtype, device, form)


def use_triton(x: Tensor, weight: Tensor, form: str) -> bool:
    """Return whether the arguments use the Triton kernels of a form."""
    return ({x.dtype, weight.dtype} <= triton_path.DTYPES
            and triton_available(x.device, x.dtype, form))
