# Copyright (c) DKSAN-MM contributors.
"""A cascade in overlapping tiles, for frames that the memory cannot hold.

Features, alignment and fusion work on the LR grid and are done for the whole
frame. The cascade's maps are up to 64 times as large; they are made for tiles
with a halo of LR pixels around them, which is cut off again.

A tile is not exact: the RCABs' channel attention depends on means over the
frame, and the deep levels see further than the halo. To bring the tiles
closer, all share one set of means: those of a first pass over all tiles,
weighted by their pixels. *Chosen here* by measurement (docs/benchmarks.md):
on average it brought tiles 3.5 times closer to the untiled frame.
"""
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dksan_mm.utils.system_memory import available_memory
from .base import Evaluator, Means

HALO = 16  # LR pixels around each tile
SHARE = 0.6  # of the free memory that a frame may take without tiles


class Span(NamedTuple):
    """One axis of a tile, in LR pixels: what it gives, and what it reads."""
    start: int
    stop: int
    first: int
    last: int

    def crop(self, scale: int) -> slice:
        """The part of the tile's output that belongs to the frame."""
        return slice(scale * (self.start - self.first),
                     scale * (self.stop - self.first))

    def place(self, scale: int) -> slice:
        """The place of that part in the frame's output."""
        return slice(scale * self.start, scale * self.stop)


Box = tuple[Span, Span]  # rows and columns


class Tiles(NamedTuple):
    """A cascade on tiles.

    Attributes:
        evaluator (Evaluator): Of the network.
        side (int): Of the tiles, in LR pixels, halo not counted.
        halo (int): LR pixels around a tile.
        shared (bool): Whether all tiles share the means of the channel
            attention, which takes a pass more.
    """
    evaluator: Evaluator
    side: int
    halo: int = HALO
    shared: bool = True

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor,
                    scale: int | None = None) -> Tensor:
        """Upscale a frame tile by tile; see :meth:`Evaluator.reconstruct`.

        Args:
            frame (Tensor[n, 3, h, w]): The centre LR frame.
            fused (Tensor[n, channels, h, w]): From ``fuse``.
            scale (int, optional): Factor; default: the network's.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.
        """
        boxes = self.boxes(*frame.shape[-2:])
        means = None
        if self.shared and len(boxes) > 1:
            means = self._shared_means(frame, fused, boxes, scale)
        factor = scale or scale_of(self.evaluator)
        out = frame.new_empty(*frame.shape[:-2],
                              *(factor * n for n in frame.shape[-2:]))
        for rows, columns in boxes:
            tile, tile_fused = _cut((rows, columns), frame, fused)
            piece, _ = self.evaluator.reconstruct(tile, tile_fused, means,
                                                  factor)
            out[..., rows.place(factor), columns.place(factor)] = \
                piece[..., rows.crop(factor), columns.crop(factor)]
        return out

    def boxes(self, height: int, width: int) -> list[Box]:
        """Rows and columns of each tile."""
        return [(rows, columns) for rows in self._spans(height)
                for columns in self._spans(width)]

    def _spans(self, length: int) -> list[Span]:
        count = -(-length // self.side)
        edges = [length * i // count for i in range(count + 1)]
        return [
            Span(a, b, max(a - self.halo, 0), min(b + self.halo, length))
            for a, b in zip(edges[:-1], edges[1:])
        ]

    def _shared_means(self, frame: Tensor, fused: Tensor, boxes: list[Box],
                      scale: int | None) -> Means:
        """The means of all tiles, weighted by their pixels."""
        totals: Means = []
        weight = 0
        for box in boxes:
            tile, tile_fused = _cut(box, frame, fused)
            pixels = tile.shape[-2] * tile.shape[-1]
            _, found = self.evaluator.reconstruct(tile, tile_fused, None,
                                                  scale)
            weight += pixels
            totals = _add(totals, pixels, found)
        return [
            None if level is None else [mean / weight for mean in level]
            for level in totals
        ]


def scale_of(evaluator: Evaluator) -> int:
    """Return the factor of an evaluator's network."""
    network: Any = evaluator.network
    return int(network.scale)


def _cut(box: Box, frame: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Cut what a tile reads out of maps on the LR grid."""
    rows, columns = box
    place = (..., slice(rows.first,
                        rows.last), slice(columns.first, columns.last))
    return frame[place], fused[place]


def _add(totals: Means, weight: int, means: Means) -> Means:
    """Add weighted means to those of earlier tiles; None adds to None."""
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
                 scale: int | None = None) -> Tiles | None:
    """Choose the tiles to work on, or None for the whole frame.

    Args:
        evaluator (Evaluator): Of the network. 'auto' is for those that state
            ``bytes_per_pixel``, the others get the whole frame.
        tile (int | str | None): Side in LR pixels, 'auto', or None.
        size (tuple[int, int]): Height and width of the LR frame.
        device (torch.device): Where it runs.
        scale (int, optional): Factor; default: the network's.

    Raises:
        ValueError: If ``tile`` is something else.
    """
    if tile is None:
        return None
    if tile == 'auto':
        cost = evaluator.bytes_per_pixel  # of the last level's maps
        if scale is not None:
            cost = cost * scale**2 // scale_of(evaluator)**2
        tile = _side_that_fits(cost, size, device)
    if not isinstance(tile, int) or isinstance(tile, bool) or tile < 1:
        raise ValueError("tile must be a positive number, 'auto' or None, "
                         f'got {tile!r}')
    if tile >= max(size) or not evaluator.takes_tiles:
        return None
    return Tiles(evaluator, tile)


def _side_that_fits(cost: int, size: tuple[int, int],
                    device: torch.device) -> int:
    """Side of the largest tiles that the memory holds.

    Args:
        cost (int): Bytes for each LR pixel; 0: not known.
        size (tuple[int, int]): Height and width of the LR frame.
        device (torch.device): Where it runs.
    """
    free = SHARE * free_memory(device)
    if size[0] * size[1] * cost <= free:
        return max(size)
    return max(int((free / cost)**.5) - 2 * HALO, HALO)


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device."""
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
    """Bytes that a container's limit leaves (control groups 1 and 2)."""
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
