# Copyright (c) DKSAN-MM contributors.
"""A call of a kernel as data: to be run, or compiled for a GPU elsewhere."""

import dataclasses
import importlib
from typing import Any

import torch
from torch import Tensor

# Index arithmetic in 32 bits takes half the registers; larger tensors get 64.
MAX_NARROW = 2**31 - 2**20


@dataclasses.dataclass(frozen=True)
class Launch:
    """One call of a kernel.

    Attributes:
        module, kernel (str): Where it is, next to this module, and its name.
        grid (tuple[int, ...]): Number of programs along each axis.
        arguments (tuple): Tensors (None if absent) and integers.
        constants (dict): Values that the kernel is compiled for.
        warps (int): Warps of a program.
        max_registers (int): Registers that a thread may take on Nvidia's.
    """

    module: str
    kernel: str
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]
    warps: int
    max_registers: int = 128

    def function(self) -> Any:
        """The kernel; imports triton."""
        package = __name__.rpartition('.')[0]
        module = importlib.import_module(f'{package}.{self.module}')
        return getattr(module, self.kernel)

    def keywords(self, backend: str) -> dict[str, Any]:
        """Constants and options for a kind of GPU, ``'cuda'`` or ``'hip'``."""
        # One stage: copies ahead of the loop's loads would go through shared
        # memory, and take registers.
        keywords = dict(self.constants, num_warps=self.warps, num_stages=1)
        if backend == 'cuda':
            keywords['maxnreg'] = self.max_registers
        elif 'PRECISION' in keywords:  # of products; AMD's knows no TF32 x 3
            keywords['PRECISION'] = 'ieee'
        return keywords

    def run(self) -> None:
        """Start the kernel on the device of its first tensor."""
        backend = 'hip' if torch.version.hip else 'cuda'
        with torch.cuda.device_of(self.arguments[0]):
            self.function()[self.grid](*self.arguments,
                                       **self.keywords(backend))


def is_wide(*tensors: Tensor | None) -> bool:
    """Return whether an index into one of them may need 64 bits."""
    return any(t is not None and t.numel() > MAX_NARROW for t in tensors)


def power_of_2(number: int) -> int:
    """The smallest one that is not below ``number``."""
    return 1 << (number - 1).bit_length()


def is_last(tensor: Tensor) -> bool:
    """Return whether its channels lie side by side, not its pixels."""
    return not tensor.is_contiguous() and tensor.is_contiguous(
        memory_format=torch.channels_last)


def formatted(tensor: Tensor, last: bool) -> Tensor:
    """Return it with its channels last, or first; copied if need be."""
    return tensor.contiguous(
        memory_format=torch.channels_last if last else torch.contiguous_format)


def channels_last(x: Tensor) -> Tensor:
    """``(n, h, w, c)``: no copy of what is in that order already."""
    return x.permute(0, 2, 3, 1).contiguous()


def by_pixel(*tensors: Tensor | None) -> tuple[list[Tensor | None], bool]:
    """Offsets and mask in one memory format, and whether it is NHWC."""
    present = [t for t in tensors if t is not None]
    last = all(is_last(t) for t in present)
    return [None if t is None else formatted(t, last) for t in tensors], last
