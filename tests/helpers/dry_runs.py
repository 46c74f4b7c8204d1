# Copyright (c) DKSAN-MM contributors.
"""Networks on an absent GPU: tensors without data."""
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from dksan_mm.ops import set_backend


class HostReads(TorchDispatchMode):
    """Recorder of numbers read from the GPU, each of which is 1.

    Attributes:
        places (list[str]): File and function of each, without torch's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places = []

    def __torch_dispatch__(self, func: Callable, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            if args[0].device.type in ('cuda', 'meta'):
                self.places.append(_caller())
            return 1. if args[0].is_floating_point() else 1
        return func(*args, **(kwargs or {}))


def _caller() -> str:
    """Return the innermost function outside of torch and this module."""
    for frame in reversed(traceback.extract_stack()):
        inside = '/torch/' in frame.filename or frame.filename == __file__
        if not inside:
            return f'{Path(frame.filename).name}:{frame.name}'
    return ''


@contextmanager
def imaginary_gpu(backend: str) -> Iterator[HostReads]:
    """Give tensors a device and a shape; mixed devices are an error."""
    with FakeTensorMode(allow_non_fake_inputs=False), set_backend(backend), \
            HostReads() as reads:
        yield reads


def build_on_gpu(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a model on it, since ``.to()`` rejects such parameters."""
    with torch.device('cuda'):
        model = build()
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None and not value.is_cuda:  # mmcv's
                module._parameters[name] = nn.Parameter(value.cuda())
    return model


@contextmanager
def autocast_there(dtype: torch.dtype) -> Iterator[None]:
    """Enable autocast there; ``torch.autocast`` needs a real GPU."""
    torch.set_autocast_enabled('cuda', True)
    torch.set_autocast_dtype('cuda', dtype)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if not torch.autocast_decrement_nesting():
            torch.clear_autocast_cache()
        torch.set_autocast_enabled('cuda', False)
