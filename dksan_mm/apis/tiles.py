# Copyright (c) DKSAN-MM contributors.
"""The cascade in overlapping tiles, for frames that the memory cannot hold.

Features, alignment and fusion work on the LR grid and are done for the whole
frame. The cascade's maps are up to 64 times as large; they are made for tiles
with a halo of LR pixels around them, which is cut off again.

A tile is not exact: the RCABs' channel attention depends on means over the
frame, and the deep levels see further than the halo. To bring the tiles
closer, all share one set of means: those of a first pass over all tiles,
weighted by their pixels. *Chosen here* by measurement (README, "Enlarge a
video"): on average it brought tiles 3.5 times closer to the untiled frame.
"""
import contextlib
import os
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from dksan_mm.models.layers import Trunk

HALO = 16  # LR pixels around each tile
SHARE = 0.6  # of the free memory that a frame may take without tiles


class Span(NamedTuple):
    """One axis of a tile, in LR pixels: what it gives, and what it reads."""
    start: int
    stop: int
    first: int
    last: int


class Tiles(NamedTuple):
    """A network's cascade on tiles.

    Attributes:
        network (nn.Module): With ``reconstruct`` and ``scale``.
        side (int): Of the tiles, in LR pixels, halo not counted.
        halo (int): LR pixels around a tile.
        shared (bool): Whether all tiles share the means of the channel
            attention, which takes a pass more.
    """
    network: nn.Module
    side: int
    halo: int = HALO
    shared: bool = True

    def reconstruct(self, frame: Tensor, fused: Tensor) -> Tensor:
        """As the network's ``reconstruct``, tile by tile.

        Args:
            frame (Tensor[n, 3, h, w]): The centre LR frame.
            fused (Tensor[n, channels, h, w]): From ``fuse``.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.
        """
        boxes = self.boxes(*frame.shape[-2:])
        if not self.shared or len(boxes) == 1:
            return self._run(frame, fused, boxes)
        trunks = _trunks(self.network)
        means = self._shared_means(frame, fused, boxes, trunks)
        with _means(trunks, means):
            return self._run(frame, fused, boxes)

    def boxes(self, height: int, width: int) -> List[Tuple[Span, Span]]:
        """Rows and columns of each tile."""
        return [(rows, columns) for rows in self._spans(height)
                for columns in self._spans(width)]

    def _spans(self, length: int) -> List[Span]:
        count = -(-length // self.side)
        edges = [length * i // count for i in range(count + 1)]
        return [
            Span(a, b, max(a - self.halo, 0), min(b + self.halo, length))
            for a, b in zip(edges[:-1], edges[1:])
        ]

    def _piece(self, frame: Tensor, fused: Tensor, rows: Span,
               columns: Span) -> Tensor:
        at = (..., slice(rows.first,
                         rows.last), slice(columns.first, columns.last))
        return self.network.reconstruct(frame[at], fused[at])

    def _run(self, frame: Tensor, fused: Tensor, boxes: list) -> Tensor:
        scale, (h, w) = self.network.scale, frame.shape[-2:]
        out = frame.new_empty(*frame.shape[:-2], scale * h, scale * w)
        for rows, columns in boxes:
            piece = self._piece(frame, fused, rows, columns)
            out[..., scale * rows.start:scale * rows.stop,
                scale * columns.start:scale *
                columns.stop] = piece[...,
                                      scale * (rows.start - rows.first):scale *
                                      (rows.stop - rows.first), scale *
                                      (columns.start - columns.first):scale *
                                      (columns.stop - columns.first)]
        return out

    def _shared_means(self, frame: Tensor, fused: Tensor, boxes: list,
                      trunks: List[Trunk]) -> List[List[Tensor]]:
        """For each trunk, each block's means, averaged over the tiles."""
        totals, weight = None, 0
        for rows, columns in boxes:
            pixels = (rows.last - rows.first) * (columns.last - columns.first)
            with _means(trunks, None) as found:
                self._piece(frame, fused, rows, columns)
            weight += pixels
            found = [[pixels * mean for mean in means] for means in found]
            totals = found if totals is None else [
                [a + b for a, b in zip(*pair)] for pair in zip(totals, found)
            ]
        return [[mean / weight for mean in means] for means in totals]


def _trunks(network: nn.Module) -> List[Trunk]:
    return [m for m in network.modules() if isinstance(m, Trunk)]


@contextlib.contextmanager
def _means(trunks: List[Trunk],
           means: Optional[list]) -> Iterator[List[List[Tensor]]]:
    """Have trunks use given means; None: have them say theirs."""
    found = [[] for _ in trunks]
    for i, trunk in enumerate(trunks):
        trunk.given_means = None if means is None else means[i]
        trunk.said_means = found[i]
    try:
        yield found
    finally:
        for trunk in trunks:
            trunk.given_means = trunk.said_means = None


def choose_tiles(network: nn.Module, tile: Union[int, str,
                                                 None], size: Tuple[int, int],
                 device: torch.device) -> Optional[Tiles]:
    """The tiles to work on, or None for the whole frame.

    Args:
        network (nn.Module): The network. 'auto' is for those that state
            ``bytes_per_pixel``, the others get the whole frame.
        tile (int | str | None): Side in LR pixels, 'auto', or None.
        size (tuple[int, int]): Height and width of the LR frame.
        device (torch.device): Where it runs.

    Raises:
        ValueError: If ``tile`` is something else.
    """
    if tile is None:
        return None
    if tile == 'auto':
        tile = _side_that_fits(network, size, device)
    elif type(tile) is not int or tile < 1:
        raise ValueError("tile must be a positive number, 'auto' or None, "
                         f'got {tile!r}')
    return None if tile >= max(size) else Tiles(network, tile)


def _side_that_fits(network: nn.Module, size: Tuple[int, int],
                    device: torch.device) -> int:
    """Side of the largest tiles that the memory holds."""
    cost = getattr(network, 'bytes_per_pixel', 0)
    free = SHARE * free_memory(device)
    if size[0] * size[1] * cost <= free:
        return max(size)
    return max(int((free / cost)**.5) - 2 * HALO, HALO)


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    free = os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    try:
        lines = Path('/proc/meminfo').read_text().splitlines()
    except OSError:
        return free
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
