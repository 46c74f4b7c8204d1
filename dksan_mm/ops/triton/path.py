# Copyright (c) DKSAN-MM contributors.
"""The depthwise operator on a GPU, in one Triton kernel each way.

Checked in the interpreter and compiled for several GPUs (docs/gpu.md), but
**not yet run on one**: block sizes come from register counts, not timings.

*Forward* reads each input and writes the output once, plus the neighbours
that the caches do not hold. Half-precision images are read and written as
such, everything between is float32. Channels-last images need no copy.

*Backward* makes the samples again instead of storing them. The gradient of
``x`` is collected by atomic additions in a float32 image, so that its last
digits depend on the order of additions and differ from run to run; all other
gradients are sums in a fixed order. The weight's is a small matrix product a
tap and block of pixels, on the tensor cores.
"""

import functools
import importlib.util
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..checks import Geometry, Inputs
from .gradients import add_up, allocate, connect
from .launch import (Launch, by_pixel, channels_last, formatted, is_last,
                     is_wide, power_of_2)

DTYPES = {torch.float32, torch.bfloat16, torch.float16}

# Pixels times channels of a block, and its warps: four neighbouring channels
# a thread, the widest load that a GPU has. More do not fit in the registers.
BLOCK, WARPS = 1024, 8
# Of a block. The backward kernel's matrix product needs 16 pixels a block.
MAX_FORWARD_CHANNELS, MAX_BACKWARD_CHANNELS = 128, 64
# Backward programs on each multiprocessor, all running at once.
PROGRAMS = 2


@functools.lru_cache(maxsize=None)
def available() -> bool:
    """Return whether triton is installed."""
    return importlib.util.find_spec('triton') is not None


def interpreted() -> bool:
    """Return whether Triton's interpreter, for CPUs, was asked for."""
    return os.environ.get('TRITON_INTERPRET') == '1'


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Depthwise deformable kernel convolution.

    Args:
        x (Tensor[n, c, h, w]): Input, float32, bfloat16 or float16.
        weight (Tensor[m * c, 1, s, s]): The scope, or without kernel offsets
            the kernel at rest, with as many rows and columns as it has taps.
        image_offset (Tensor[n, 2K, h_out, w_out], optional): Image offsets.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Kernel offsets.
        mask (Tensor[n, K, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): As checked.

    Returns:
        Tensor[n, m * c, h_out, w_out]: Output, in the type and memory format
        of ``x``.
    """
    settings = [
        *geometry.kernel_size, *geometry.stride, *geometry.padding,
        *geometry.dilation, *geometry.out_shape[1:], weight.shape[-1]
    ]
    filters = weight.flatten(1).unflatten(0, (x.shape[1], -1))
    outputs: list[Tensor] = [
        forward(x, filters[:, i], image_offset, kernel_offset, mask, settings)
        for i in range(filters.shape[1])
    ]
    if len(outputs) == 1:
        return outputs[0]
    return torch.stack(outputs, 2).flatten(1, 2)


@torch.library.custom_op('dksan_mm::triton_forward', mutates_args=())
def forward(x: Tensor, weight: Tensor, image_offset: Tensor | None,
            kernel_offset: Tensor | None, mask: Tensor | None,
            settings: list[int]) -> Tensor:
    """Output; ``weight`` is ``(c, cells)``, settings as in ``convolve``."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    out: Tensor = _output(*tensors, settings)
    if out.numel():
        forward_launch(tensors, out, settings).run()
    return out


def forward_launch(tensors: Inputs, out: Tensor,
                   settings: list[int]) -> Launch:
    """The kernel's call that computes ``out``."""
    x, weight = tensors[:2]
    offsets, taps_last = by_pixel(*tensors[2:])
    blocks = _Blocks.forward(x, settings)
    return Launch(
        'kernels', 'forward_kernel', (blocks.tiles, blocks.parts),
        (channels_last(x), weight.t().contiguous(), *offsets, out,
         *_sizes(x, settings)),
        dict(
            **_constants(settings),
            LAST=is_last(x),
            TAPS_LAST=taps_last,
            BLOCK_P=blocks.pixels,
            BLOCK_C=blocks.channels,
            WIDE=is_wide(x, out, *offsets)), WARPS,
        64 if x.shape[1] % 16 == 0 else 128)


@torch.library.custom_op('dksan_mm::triton_backward', mutates_args=())
def backward(grad_out: Tensor, x: Tensor, weight: Tensor,
             image_offset: Tensor | None, kernel_offset: Tensor | None,
             mask: Tensor | None, settings: list[int],
             wanted: list[bool]) -> list[Tensor]:
    """Gradients of the inputs that are wanted."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    shares = sums(tensors, wanted, settings)
    if grad_out.numel():
        backward_launch(grad_out, tensors, shares, settings).run()
    return add_up(tensors, shares, Tensor.t)


def backward_launch(grad_out: Tensor, tensors: Inputs,
                    shares: Sequence[Tensor | None],
                    settings: list[int]) -> Launch:
    """The kernel's call that fills ``shares``."""
    x, weight = tensors[:2]
    offsets, taps_last = by_pixel(*tensors[2:])
    blocks = _Blocks.backward(x, settings)
    cells = weight.shape[1]
    return Launch(
        'kernels', 'backward_kernel',
        (min(blocks.tiles, _programs(x)), blocks.parts),
        (formatted(grad_out,
                   is_last(x)), channels_last(x), weight.t().contiguous(),
         *offsets, *shares, *_sizes(x, settings), len(x)),
        dict(
            **_constants(settings),
            TABLE=cells,
            CELLS=max(16, power_of_2(cells)),
            LAST=is_last(x),
            TAPS_LAST=taps_last,
            BLOCK_P=blocks.pixels,
            BLOCK_C=blocks.channels,
            WIDE=is_wide(x, grad_out, *offsets, *shares),
            PRECISION='tf32x3'), WARPS)


def sums(tensors: Inputs, wanted: list[bool],
         settings: list[int]) -> list[Tensor | None]:
    """Allocate room for the shares of the gradients, None if unwanted."""
    x, weight = tensors[:2]
    blocks = _Blocks.backward(x, settings)
    programs = min(blocks.tiles, _programs(x))
    return allocate(tensors, wanted, (programs, weight.shape[1], x.shape[1]),
                    blocks.parts)


class _Blocks:
    """How the work is cut.

    Attributes:
        channels, pixels (int): Size of a block, powers of 2.
        tiles (int): Blocks of pixels; none spans two images.
        parts (int): Blocks of channels.
    """

    def __init__(self, x: Tensor, settings: list[int], least: int,
                 most_channels: int) -> None:
        out_pixels = settings[8] * settings[9]
        self.channels = max(16, min(most_channels, power_of_2(x.shape[1])))
        self.pixels = max(least,
                          min(BLOCK // self.channels, power_of_2(out_pixels)))
        self.tiles = len(x) * -(-out_pixels // self.pixels)
        self.parts = -(-x.shape[1] // self.channels)

    @classmethod
    def forward(cls, x: Tensor, settings: list[int]) -> '_Blocks':
        """Cut the work of the forward kernel."""
        return cls(x, settings, 1, MAX_FORWARD_CHANNELS)

    @classmethod
    def backward(cls, x: Tensor, settings: list[int]) -> '_Blocks':
        """Cut the work of the backward kernel."""
        return cls(x, settings, 16, MAX_BACKWARD_CHANNELS)


def _programs(x: Tensor) -> int:
    """Backward programs that share the blocks of pixels."""
    if x.device.type != 'cuda':
        return PROGRAMS
    device = torch.cuda.get_device_properties(x.device)
    return PROGRAMS * device.multi_processor_count


def _sizes(x: Tensor, settings: list[int]) -> list[int]:
    """Sizes and steps that the kernels take at run time."""
    channels, height, width = x.shape[1:]
    out_height, out_width = settings[8:10]
    return [
        height, width, channels, out_height * out_width, out_width,
        *settings[2:8]
    ]


def _constants(settings: list[int]) -> dict[str, Any]:
    """Values that kernels are compiled for."""
    rows, cols = settings[:2]
    return dict(TAPS=rows * cols, ROWS=rows, COLS=cols, SCOPE=settings[10])


@forward.register_fake
def _output(x: Tensor, weight: Tensor, image_offset: Tensor | None,
            kernel_offset: Tensor | None, mask: Tensor | None,
            settings: list[int]) -> Tensor:
    out = x.new_empty((*x.shape[:2], *settings[8:10]))
    return formatted(out, is_last(x))


def _whole_settings(x: Tensor, settings: list[int]) -> list[int]:
    """Those of the dense form: a group for each channel, one of offsets."""
    return [*settings, 0, x.shape[1], 1]


connect(forward, backward, _whole_settings)
