# Copyright (c) DKSAN-MM contributors.
"""Depthwise operator on a GPU: one Triton kernel per direction.

Checked in the interpreter and compiled for several GPUs (docs/gpu.md), but
**not yet run on one**: block sizes come from register counts, not timings.

The forward kernel reads each input and writes the output once, plus neighbours
that are not in the caches. Half-precision images are read and written as such;
intermediate values are float32. Channels-last images are not copied.

The backward kernel recomputes the samples instead of storing them. The
gradient of ``x`` is accumulated by atomic additions in float32, so its last
digits depend on their order and differ between runs. All other gradients are
summed in a fixed order. The weight gradient is a small matrix product per tap
and block of pixels, on the tensor cores.
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

# Pixels times channels of a block, and its warps: each thread handles four
# adjacent channels, the widest load of a GPU. More exceed the registers.
BLOCK, WARPS = 1024, 8
# Per block; the backward kernel's matrix product needs 16 pixels per block.
MAX_FORWARD_CHANNELS, MAX_BACKWARD_CHANNELS = 128, 64
# Concurrent backward programs on each multiprocessor.
PROGRAMS = 2


@functools.lru_cache(maxsize=None)
def available() -> bool:
    """Return whether triton is installed."""
    return importlib.util.find_spec('triton') is not None


def interpreted() -> bool:
    """Return whether Triton's interpreter for CPUs is enabled."""
    return os.environ.get('TRITON_INTERPRET') == '1'


def convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
             kernel_offset: Tensor | None, mask: Tensor | None,
             geometry: Geometry) -> Tensor:
    """Apply the depthwise deformable kernel convolution.

    Args:
        x (Tensor[n, c, h, w]): Input, float32, bfloat16 or float16.
        weight (Tensor[m * c, 1, s, s]): Scope; without kernel offsets, the
            kernel at rest with one row and column for each of the taps'.
        image_offset (Tensor[n, 2K, h_out, w_out], optional): Image offsets.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Kernel offsets.
        mask (Tensor[n, K, h_out, w_out], optional): Factor of each tap.
        geometry (Geometry): Checked settings.

    Returns:
        Tensor[n, m * c, h_out, w_out]: Output with the dtype and memory format
        of ``x``.
    """
    # The others are those of every depthwise convolution.
    settings = geometry.settings(weight.shape[-1])[:11]
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
    """Compute the output; ``weight`` is ``(c, cells)``."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    out: Tensor = _output(*tensors, settings)
    if out.numel():
        forward_launch(tensors, out, settings).run()
    return out


def forward_launch(tensors: Inputs, out: Tensor,
                   settings: list[int]) -> Launch:
    """Return the kernel launch that computes ``out``."""
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
    """Compute the wanted gradients."""
    tensors = (x, weight, image_offset, kernel_offset, mask)
    shares = sums(tensors, wanted, settings)
    if grad_out.numel():
        backward_launch(grad_out, tensors, shares, settings).run()
    return add_up(tensors, shares, Tensor.t)


def backward_launch(grad_out: Tensor, tensors: Inputs,
                    shares: Sequence[Tensor | None],
                    settings: list[int]) -> Launch:
    """Return the kernel launch that fills ``shares``."""
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
    """Allocate the partial gradients; None if unwanted."""
    x, weight = tensors[:2]
    blocks = _Blocks.backward(x, settings)
    programs = min(blocks.tiles, _programs(x))
    return allocate(tensors, wanted, (programs, weight.shape[1], x.shape[1]),
                    blocks.parts)


class _Blocks:
    """Division of the work into blocks.

    Attributes:
        channels, pixels (int): Size of a block, powers of 2.
        tiles (int): Number of blocks of pixels; none spans two images.
        parts (int): Number of blocks of channels.
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
        """Divide the work of the forward kernel."""
        return cls(x, settings, 1, MAX_FORWARD_CHANNELS)

    @classmethod
    def backward(cls, x: Tensor, settings: list[int]) -> '_Blocks':
        """Divide the work of the backward kernel."""
        return cls(x, settings, 16, MAX_BACKWARD_CHANNELS)


def _programs(x: Tensor) -> int:
    """Return the number of backward programs per block of channels."""
    if x.device.type != 'cuda':
        return PROGRAMS
    device = torch.cuda.get_device_properties(x.device)
    return PROGRAMS * device.multi_processor_count


def _sizes(x: Tensor, settings: list[int]) -> list[int]:
    """Return sizes and strides, the kernels' run-time arguments."""
    channels, height, width = x.shape[1:]
    out_height, out_width = settings[8:10]
    return [
        height, width, channels, out_height * out_width, out_width,
        *settings[2:8]
    ]


def _constants(settings: list[int]) -> dict[str, Any]:
    """Return the kernels' compile-time constants."""
    rows, cols = settings[:2]
    return dict(TAPS=rows * cols, ROWS=rows, COLS=cols, SCOPE=settings[10])


@forward.register_fake
def _output(x: Tensor, weight: Tensor, image_offset: Tensor | None,
            kernel_offset: Tensor | None, mask: Tensor | None,
            settings: list[int]) -> Tensor:
    out = x.new_empty((*x.shape[:2], *settings[8:10]))
    return formatted(out, is_last(x))


def _whole_settings(x: Tensor, settings: list[int]) -> list[int]:
    """Append the dense form's settings: c channel groups, 1 offset group."""
    return [*settings, 0, x.shape[1], 1]


connect(forward, backward, _whole_settings)
