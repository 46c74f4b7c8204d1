# Copyright (c) DKSAN-MM contributors.
"""Which implementation the operators use."""

import os
from types import TracebackType
from typing import Optional, Type

import torch
from torch import Tensor

from . import extension

BACKENDS = ('auto', 'torch', 'cpp')
VARIABLE = 'DKSAN_MM_BACKEND'

_chosen: Optional[str] = None


class set_backend:
    """Choose the implementation, for good or for a ``with`` block.

    ``'cpp'``: compiled C++ on CPU tensors, an error where it cannot be built.
    ``'torch'``: pure torch. ``'auto'`` (the default, unless the environment
    variable ``DKSAN_MM_BACKEND`` says otherwise): C++ on CPU tensors if it
    can be built, else pure torch.

    Args:
        name (str): ``'auto'``, ``'torch'`` or ``'cpp'``.

    Raises:
        ValueError: If there is no such implementation.
    """

    def __init__(self, name: str) -> None:
        global _chosen
        self._previous, _chosen = _chosen, _checked(name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Optional[Type[BaseException]],
                 error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        global _chosen
        _chosen = self._previous


def get_backend() -> str:
    """The name chosen: 'auto', 'torch' or 'cpp'."""
    return _chosen or _checked(os.environ.get(VARIABLE, 'auto'))


def _checked(name: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f'backend must be one of {BACKENDS}, got {name!r}')
    return name


@torch.compiler.assume_constant_result
def _compiled() -> bool:
    """Whether the C++ operators are wanted and there."""
    name = get_backend()
    if name == 'torch':
        return False
    there = extension.load()
    if name == 'cpp' and not there:
        raise RuntimeError('the C++ operators could not be built, see the '
                           'warning above')
    return there


def use_cpp(x: Tensor) -> bool:
    """Whether ``x`` goes through the C++ operators."""
    return (x.device.type == 'cpu'
            and x.dtype in (torch.float32, torch.float64) and _compiled())
