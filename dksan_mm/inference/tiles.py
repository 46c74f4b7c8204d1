# Copyright (c) DKSAN-MM contributors.
"""Cascades in overlapping tiles, for frames that do not fit into memory.

Features, alignment and fusion are computed on the LR grid for the whole frame.
The cascade's feature maps are up to 64 times as large; they are computed for
tiles with a halo of LR pixels, which is cropped afterwards.

Tiles are not exact: the channel attention of the RCABs depends on means over
the frame, and the deep levels see further than the halo. To reduce the error,
all tiles share the means of a first pass over all tiles, weighted by their
pixels. *Chosen here* by measurement (docs/benchmarks.md): on average, this
reduced the difference from the untiled frame by a factor of 3.5.
"""
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dksan_mm.utils.system_memory import available_memory
from .base import Evaluator, Means

HALO = 16  # LR pixels around each tile
SHARE = 0.6  # share of the free memory that a frame may use without tiles


class Span(NamedTuple):
    """Output and input range of a tile along one axis, in input pixels."""
    start: int
    stop: int
    first: int
    last: int

    def crop(self, scale: int) -> slice:
        """Return the part of the tile's output that is kept."""
        return slice(scale * (self.start - self.first),
                     scale * (self.stop - self.first))

    def place(self, scale: int) -> slice:
        """Return the position of that part in the frame's output."""
        return slice(scale * self.start, scale * self.stop)


Box = tuple[Span, Span]  # rows and columns


class Tiles(NamedTuple):
    """Tiling of a cascade.

    Attributes:
        evaluator (Evaluator): Evaluator of the network.
        side (int): Side of the tiles in input pixels, without the halo.
        halo (int): Width of the halo around a tile in input pixels.
        shared (bool): Whether all tiles share the means of the channel
            attention, which requires an additional pass.
        start (int): Scale factor of the input: 1 for an LR frame.
    """
    evaluator: Evaluator
    side: int
    halo: int = HALO
    shared: bool = True
    start: int = 1

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor | None,
                    scale: int | None = None) -> Tensor:
        """Upscale a frame tile by tile; see :meth:`Evaluator.reconstruct`.

        Args:
            frame (Tensor[n, 3, start * h, start * w]): Centre LR frame, or the
                frame of a level of a cascade.
            fused (Tensor[n, channels, h, w], optional): Output of ``fuse``;
                None for the frame of a level.
            scale (int, optional): Scale factor. Default: the network's.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.
        """
        boxes = self.boxes(*frame.shape[-2:])
        means = None
        if self.shared and len(boxes) > 1:
            means = self._shared_means(frame, fused, boxes, scale)
        scale = scale or scale_of(self.evaluator)
        factor = scale // self.start
        out = frame.new_empty(*frame.shape[:-2],
                              *(factor * n for n in frame.shape[-2:]))
        for rows, columns in boxes:
            tile, tile_fused = _cut((rows, columns), frame, fused)
            piece, _ = self.evaluator.reconstruct(tile, tile_fused, means,
                                                  scale, self.start)
            out[..., rows.place(factor), columns.place(factor)] = \
                piece[..., rows.crop(factor), columns.crop(factor)]
        return out

    def boxes(self, height: int, width: int) -> list[Box]:
        """Return the rows and columns of each tile."""
        return [(rows, columns) for rows in self._spans(height)
                for columns in self._spans(width)]

    def _spans(self, length: int) -> list[Span]:
        count = -(-length // self.side)
        edges = [length * i // count for i in range(count + 1)]
        return [
            Span(a, b, max(a - self.halo, 0), min(b + self.halo, length))
            for a, b in zip(edges[:-1], edges[1:])
        ]

    def _shared_means(self, frame: Tensor, fused: Tensor | None,
                      boxes: list[Box], scale: int | None) -> Means:
        """Average the means of all tiles, weighted by their pixels."""
        totals: Means = []
        weight = 0
        for box in boxes:
            tile, tile_fused = _cut(box, frame, fused)
            pixels = tile.shape[-2] * tile.shape[-1]
            _, found = self.evaluator.reconstruct(tile, tile_fused, None,
                                                  scale, self.start)
            weight += pixels
            totals = _add(totals, pixels, found)
        return [
            None if level is None else [mean / weight for mean in level]
            for level in totals
        ]


def scale_of(evaluator: Evaluator) -> int:
    """Return the scale factor of an evaluator's network."""
    network: Any = evaluator.network
    return int(network.scale)


def _cut(box: Box, frame: Tensor,
         fused: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Crop a tile with its halo from a frame and its features, if any."""
    rows, columns = box
    place = (..., slice(rows.first,
                        rows.last), slice(columns.first, columns.last))
    return frame[place], None if fused is None else fused[place]


def _add(totals: Means, weight: int, means: Means) -> Means:
    """Add weighted means to those of earlier tiles; None stays None."""
    weighted = [
        None if level is None else [weight * mean for mean in level]
        for level in means
    ]
    if not totals:
        return weighted
    return [
        None if level is None or more is None else
        [a + b for a, b in zip(level, more)]
        for level, more in zip(totals, weighted)
    ]


def choose_tiles(evaluator: Evaluator,
                 tile: int | str | None,
                 size: tuple[int, int],
                 device: torch.device,
                 scale: int | None = None,
                 start: int = 1) -> Tiles | None:
    """Choose the tiling, or None for the whole frame.

    Args:
        evaluator (Evaluator): Evaluator of the network. With 'auto', it gets
            tiles only if it states ``bytes_per_pixel``.
        tile (int | str | None): Side in LR pixels, 'auto', or None.
        size (tuple[int, int]): Height and width of the LR frame.
        device (torch.device): Device of the network.
        scale (int, optional): Scale factor. Default: the network's.
        start (int): Scale factor of the frame that is upscaled; 1 for an LR
            frame.

    Raises:
        ValueError: If ``tile`` has any other value.
    """
    if tile is None:
        return None
    if tile == 'auto':
        cost = evaluator.bytes_per_pixel  # at the last level
        if scale is not None:
            cost = cost * scale**2 // scale_of(evaluator)**2
        tile = _side_that_fits(cost, size, device)
    if not isinstance(tile, int) or isinstance(tile, bool) or tile < 1:
        raise ValueError("tile must be a positive number, 'auto' or None, "
                         f'got {tile!r}')
    if tile >= max(size) or not evaluator.takes_tiles:
        return None
    return Tiles(evaluator, tile * start, HALO * start, start=start)


def _side_that_fits(cost: int, size: tuple[int, int],
                    device: torch.device) -> int:
    """Compute the side of the largest tiles that fit into memory.

    Args:
        cost (int): Bytes per LR pixel; 0 if unknown.
        size (tuple[int, int]): Height and width of the LR frame.
        device (torch.device): Device of the network.
    """
    free = SHARE * free_memory(device)
    if size[0] * size[1] * cost <= free:
        return max(size)
    return max(int((free / cost)**.5) - 2 * HALO, HALO)


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device, in bytes."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path('/proc/meminfo').read_text().splitlines()
    except OSError:
        return available_memory()
    free = 2**62
    for line in lines:
        if line.startswith('MemAvailable:'):
            free = 1024 * int(line.split()[1])
    return min(free, _left_in_group())


def _left_in_group() -> int:
    """Return the bytes left under a container's limit (cgroup v1 and v2)."""
    root = Path('/sys/fs/cgroup')
    for limit, used in (('memory.max', 'memory.current'),
                        ('memory/memory.limit_in_bytes',
                         'memory/memory.usage_in_bytes')):
        try:
            return int((root / limit).read_text()) - int(
                (root / used).read_text())
        except (OSError, ValueError):  # no such file, or 'max'
            continue
    return 2**62
