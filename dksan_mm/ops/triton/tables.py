# Copyright (c) DKSAN-MM contributors.
"""Costs of the kernels and lower bounds of their run times on GPUs.

Launches are those of the networks, but on the meta device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..checks import Inputs
from . import dense_path, path
from .launch import Launch


@dataclass(frozen=True)
class Device:
    """Peak performance of a GPU, from Nvidia's data sheets.

    Attributes:
        memory (float): Memory bandwidth in bytes per second.
        flops (float): Float32 FLOPs per second without the tensor cores.
        matrix (dict): FLOPs per second of the tensor cores for each dtype.
        cores (int): Number of multiprocessors.
        clock (float): Boost clock in hertz.
    """

    memory: float
    flops: float
    matrix: dict[torch.dtype, float]
    cores: int
    clock: float

    @property
    def level_1(self) -> float:
        """Bytes per second from all L1 caches: 128 per clock each."""
        return 128 * self.cores * self.clock

    @property
    def level_2(self) -> float:
        """Bytes per second from the L2 cache: 5120 per clock.

        Stated in the A100's white paper; assumed for the others.
        """
        return 5120 * self.clock


def _device(memory: float, flops: float, tf32: float, cores: int,
            clock: float) -> Device:
    rates = {torch.float32: tf32, torch.bfloat16: 2 * tf32}
    return Device(memory, flops, rates, cores, clock)


DEVICES = {
    'A100': _device(2.039e12, 19.5e12, 156e12, 108, 1.41e9),
    'H100': _device(3.35e12, 66.9e12, 494.7e12, 132, 1.98e9),
    'H200': _device(4.8e12, 66.9e12, 494.7e12, 132, 1.98e9),
}


@dataclass(frozen=True)
class Cost:
    """Costs per output pixel.

    Attributes:
        memory (int): Bytes that must be read or written once.
        reads (int): Bytes that threads read, mostly from L1 caches.
        level_2 (int): Bytes that are added atomically in L2, or read from
            weights that do not fit into an L1 cache.
        flops (int): FLOPs outside the tensor cores.
        matrix (int): FLOPs on the tensor cores, including repetitions.
        factors (torch.dtype): Data type of the factors on tensor cores.
    """

    memory: int
    reads: int
    level_2: int = 0
    flops: int = 0
    matrix: int = 0
    factors: torch.dtype = torch.float32

    def seconds(self, device: Device) -> dict[str, float]:
        """Return the minimum time for each limiting resource."""
        return dict(
            memory=self.memory / device.memory,
            L1=self.reads / device.level_1,
            L2=self.level_2 / device.level_2,
            FP32=self.flops / device.flops,
            tensor=self.matrix / device.matrix[self.factors])


@dataclass(frozen=True)
class Form:
    """Launch of a kernel with its cost.

    Attributes:
        name (str): Readable name of the kernel and memory layout.
        channels (int): Number of input and output channels.
        dtype (torch.dtype): Data type of input and output.
        launch (Launch): Kernel launch.
        cost (Cost): Costs per output pixel.
    """

    name: str
    channels: int
    dtype: torch.dtype
    launch: Launch = field(repr=False)
    cost: Cost

    @property
    def title(self) -> str:
        """Name, number of channels and dtype."""
        kind = str(self.dtype).removeprefix('torch.')
        return f'{self.name}, {self.channels} channels, {kind}'


def depthwise(
    channels: int = 128,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.channels_last,
    *,
    scope: int = 4,
    size: tuple[int, int, int] = (4, 32, 32),
    absent: tuple[int, ...] = (4, )
) -> Iterator[Form]:
    """Yield both kernels of a depthwise layer.

    Args:
        channels (int): Number of input and output channels.
        dtype (torch.dtype): Data type of input and output. Offsets are
            float32, as from the layer's predictors.
        layout (torch.memory_format): Memory format of all feature maps.
        scope (int): Number of rows of the scope.
        size (tuple[int, int, int]): n, h, w.
        absent (tuple[int, ...]): Absent inputs: 2 for image offsets, 3 for
            kernel offsets, 4 for the mask.
    """
    taps, cells = 9, scope**2 if 3 not in absent else 9
    x, *others = _maps(
        size, layout, (channels, dtype),
        *((n, torch.float32) for n in (2 * taps, 2 * taps, taps)))
    weight = torch.empty(channels, cells, device='meta')
    offset, kernel_offset, mask = (None if i in absent else t
                                   for i, t in enumerate(others, 2))
    tensors = (x, weight, offset, kernel_offset, mask)
    settings = [3, 3, 1, 1, 1, 1, 1, 1, *size[1:], scope]
    word = x.element_size()
    offsets = 4 * sum(t.shape[1] for t in tensors[2:] if t is not None)
    places = 4 if 3 not in absent else 1
    reads = taps * channels * (4 * word + 4 * places)
    where = 'NHWC' if layout == torch.channels_last else 'NCHW'
    yield Form(
        f'depthwise forward, {where}', channels, dtype,
        path.forward_launch(tensors, torch.empty_like(x), settings),
        Cost(2 * channels * word + offsets, reads, 0, 18 * taps * channels))
    wanted = [t is not None for t in tensors]
    launch = path.backward_launch(
        torch.empty_like(x), tensors, path.sums(tensors, wanted, settings),
        settings)
    rows = launch.constants['CELLS']
    yield Form(
        f'depthwise backward, {where}', channels, dtype, launch,
        Cost(channels * (2 * word + 8) + 2 * offsets, reads + channels * word,
             16 * taps * channels, 54 * taps * channels,
             3 * 2 * rows * taps * channels))


def dense(channels: int = 128,
          dtype: torch.dtype = torch.float32,
          layout: torch.memory_format = torch.channels_last,
          *,
          scope: int | None = 4,
          sets: int = 1) -> Iterator[Form]:
    """Yield the three kernels of a dense layer.

    Args:
        channels (int): Number of input and output channels.
        dtype (torch.dtype): Data type of input and output.
        layout (torch.memory_format): Memory format of all feature maps.
        scope (int, optional): Number of rows of the scope; None: a modulated
            deformable convolution, with a mask instead of kernel offsets.
        sets (int): Number of offset groups.
    """
    size, cells = (4, 32, 32), 9 if scope is None else scope**2
    x, offset, second, mask = _maps(size, layout, (channels, dtype),
                                    (18 * sets, torch.float32),
                                    (18, torch.float32),
                                    (9 * sets, torch.float32))
    weight = torch.empty(channels, channels, cells, device='meta')
    tensors = (x, weight, offset, second if scope else None,
               None if scope else mask)
    settings = [
        *(3, 3, 1, 1, 1, 1, 1, 1), *size[1:], scope or 3,
        int(scope is None), 1, sets
    ]
    wanted = [t is not None for t in tensors]
    shares = dense_path.sums(tensors, wanted, settings)
    out = torch.empty_like(x)
    launches = dict(forward=dense_path.forward_launch(tensors, out, settings))
    if shares[1] is not None:  # weight gradient is wanted
        launches['weight'] = dense_path.weight_launch(out, tensors, shares[1],
                                                      settings)
    launches['backward'] = dense_path.backward_launch(out, tensors, shares,
                                                      settings)
    where = 'NHWC' if layout == torch.channels_last else 'NCHW'
    kind = 'modulated' if scope is None else 'dense'
    for way, launch in launches.items():
        yield Form(f'{kind} {way}, {where}', channels, dtype, launch,
                   _dense_cost(way, tensors, launch.constants))


def _dense_cost(way: str, tensors: Inputs, constants: dict[str, Any]) -> Cost:
    """Return the costs per pixel of one of the three kernels."""
    x, weight, *others = tensors
    channels, word, taps = x.shape[1], x.element_size(), constants['TAPS']
    offsets = 4 * sum(t.shape[1] for t in others if t is not None)
    mixed = others[1] is not None
    chunks = -(-constants['PIECE'] // constants['BLOCK_C']) * (
        channels // constants['PIECE'])
    blocks = -(-channels // constants['BLOCK_O'])
    samples = taps * channels * 4 * word
    # Sampling, and distributing samples to the cells.
    flops = taps * channels * (8 + 2 * mixed * constants['CELLS'])
    table = 4 * weight.numel() // constants['BLOCK_P']
    matrix = 2 * weight.numel() * (3 if x.dtype == torch.float32 else 1)
    if way == 'forward':
        return Cost(2 * channels * word + offsets, blocks * samples, table,
                    blocks * flops, matrix)
    again = 1 if mixed else taps  # reads of the gradient per chunk
    if way == 'weight':
        reads = blocks * samples + again * chunks * channels * word
        return Cost(2 * channels * word + offsets, reads, 0, blocks * flops,
                    matrix)
    reads = samples + again * chunks * channels * word
    return Cost(channels * (2 * word + 8) + 2 * offsets, reads,
                table + 16 * taps * channels,
                taps * channels * (40 + 4 * mixed * constants['CELLS']),
                matrix)


def _maps(size: tuple[int, int, int], layout: torch.memory_format, *kinds:
          tuple[int, torch.dtype]) -> list[Tensor]:
    """Create feature maps without data, given channels and dtypes."""
    n, h, w = size
    return [
        torch.empty(n, channels, h, w, dtype=dtype,
                    device='meta').to(memory_format=layout)
        for channels, dtype in kinds
    ]


def common() -> Iterator[Form]:
    """Yield the forms of the tables: 128 channels, in training."""
    yield from depthwise()
    yield from depthwise(dtype=torch.bfloat16)
    yield from dense()
    yield from dense(scope=None, sets=8)
    yield from dense(128, torch.bfloat16, scope=None, sets=8)


def others() -> Iterator[Form]:
    """Yield the networks' other forms: other layouts and channels."""
    layout = torch.contiguous_format
    yield from depthwise(128, torch.float32, layout)
    yield from depthwise(128, torch.bfloat16, layout)
    yield from depthwise(32)
    yield from depthwise(32, torch.bfloat16)
    yield from dense(128, torch.float32, layout, scope=None, sets=8)
    yield from dense(32, scope=None, sets=8)


def rare() -> Iterator[Form]:
    """Yield forms that only custom layers use."""
    yield from depthwise(dtype=torch.float16)
    yield from depthwise(absent=(3, ))
    yield from depthwise(scope=5)
    yield from depthwise(size=(200, 512, 512))  # 64-bit indices
    yield from dense(128, torch.bfloat16)


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """Format a Markdown table, right-aligned but for the first column."""
    marks = ['---', *['---:'] * (len(columns) - 1)]
    lines = [columns, marks, *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def roofline(forms: list[Form]) -> str:
    """Tabulate costs and minimum times per pixel in Markdown."""
    rows = []
    for form in forms:
        cost, cells = form.cost, []
        for device in DEVICES.values():
            times = cost.seconds(device)
            limit = max(times, key=times.__getitem__)
            cells.append(f'{1e9 * times[limit]:.2f} ({limit})')
        counts = (cost.memory, cost.reads, cost.level_2, cost.flops,
                  cost.matrix)
        rows.append([form.title, *(f'{n:,}' for n in counts), *cells])
    return markdown([
        'kernel', 'bytes, memory', 'bytes, L1', 'bytes, L2', 'FLOPs',
        'FLOPs, tensor cores', *(f'{name}, ns' for name in DEVICES)
    ], rows)
