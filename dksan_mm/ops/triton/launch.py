# Copyright (c) DKSAN-MM contributors.
"""Kernel launches as data, to be run or compiled for an absent GPU."""

import dataclasses
import importlib
from typing import Any

import torch
from torch import Tensor

# 32-bit index arithmetic needs half the registers; larger tensors use 64 bits.
MAX_NARROW = 2**31 - 2**20


@dataclasses.dataclass(frozen=True)
class Launch:
    """One kernel launch.

    Attributes:
        module, kernel (str): Module in this folder and name of the kernel.
        grid (tuple[int, ...]): Number of programs along each axis.
        arguments (tuple): Tensors (None if absent) and integers.
        constants (dict): Compile-time constants.
        warps (int): Number of warps of a program.
        max_registers (int): Maximum registers per thread on Nvidia GPUs.
    """

    module: str
    kernel: str
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]
    warps: int
    max_registers: int = 128

    def function(self) -> Any:
        """Kernel function; imports triton."""
        package = __name__.rpartition('.')[0]
        module = importlib.import_module(f'{package}.{self.module}')
        return getattr(module, self.kernel)

    def keywords(self, backend: str) -> dict[str, Any]:
        """Return constants and options for ``'cuda'`` or ``'hip'``."""
        # One stage: prefetching the loop's loads would need shared memory and
        # registers.
        keywords = dict(self.constants, num_warps=self.warps, num_stages=1)
        if backend == 'cuda':
            keywords['maxnreg'] = self.max_registers
        elif 'PRECISION' in keywords:  # AMD GPUs do not support TF32 x 3
            keywords['PRECISION'] = 'ieee'
        return keywords

    def run(self) -> None:
        """Launch the kernel on the device of its first tensor."""
        backend = 'hip' if torch.version.hip else 'cuda'
        with torch.cuda.device_of(self.arguments[0]):
            self.function()[self.grid](*self.arguments,
                                       **self.keywords(backend))


def is_wide(*tensors: Tensor | None) -> bool:
    """Return whether indices into any of the tensors may need 64 bits."""
    return any(t is not None and t.numel() > MAX_NARROW for t in tensors)


def power_of_2(number: int) -> int:
    """Return the smallest power of 2 that is at least ``number``."""
    return 1 << (number - 1).bit_length()


def is_last(tensor: Tensor) -> bool:
    """Return whether a tensor is stored channels last."""
    return not tensor.is_contiguous() and tensor.is_contiguous(
        memory_format=torch.channels_last)


def formatted(tensor: Tensor, last: bool) -> Tensor:
    """Return a tensor stored channels last or first, copied if necessary."""
    return tensor.contiguous(
        memory_format=torch.channels_last if last else torch.contiguous_format)


def channels_last(x: Tensor) -> Tensor:
    """Return ``(n, h, w, c)``, without a copy if stored channels last."""
    return x.permute(0, 2, 3, 1).contiguous()


def by_pixel(*tensors: Tensor | None) -> tuple[list[Tensor | None], bool]:
    """Return tensors in one memory format, and whether it is NHWC."""
    present = [t for t in tensors if t is not None]
    last = all(is_last(t) for t in present)
    return [None if t is None else formatted(t, last) for t in tensors], last
