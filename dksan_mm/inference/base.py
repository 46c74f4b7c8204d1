# Copyright (c) DKSAN-MM contributors.
"""Evaluators: objects that run a network without gradients."""
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dksan_mm.models.scales import (choose_scale, scale_argument,
                                    upscale_further)
from dksan_mm.utils.registration import register

# For each level of a cascade, the means over the frame that
# :meth:`Evaluator.reconstruct` computed; None: no replaceable means.
Means = list[list[Tensor] | None]


class Evaluator(Protocol):
    """Interface of evaluators, as used by streaming and tiling.

    An evaluator is not a module, so that state dicts contain the network once.

    Attributes:
        network (nn.Module): The network.
        bytes_per_pixel (int): Measured memory of :meth:`reconstruct` per LR
            pixel, in bytes; 0 if unknown.
        takes_tiles (bool): Whether :meth:`reconstruct` accepts tiles of any
            size.
    """
    network: nn.Module

    @property
    def bytes_per_pixel(self) -> int:
        """Return the memory per LR pixel, in bytes."""

    @property
    def takes_tiles(self) -> bool:
        """Return whether tiles may be of any size."""

    def __call__(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame of windows ``(n, t, 3, h, w)``.

        Args:
            frames (Tensor[n, t, 3, h, w]): RGB in [0, 1].
            scale (int, optional): Scale factor. Default: the network's.
        """

    def extract(self, frame: Tensor) -> Any:
        """Extract features of a frame ``(n, 3, h, w)``, once per frame."""

    def fuse(self, features: Sequence[Any]) -> Tensor:
        """Fuse the features of a window's frames."""

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor | None,
                    means: Means | None = None,
                    scale: int | None = None,
                    start: int = 1) -> tuple[Tensor, Means]:
        """Upscale a frame or a tile of it.

        Args:
            frame (Tensor[n, 3, start * h, start * w]): Centre LR frame, or the
                frame of a level of a cascade.
            fused (Tensor[n, channels, h, w], optional): Output of
                :meth:`fuse`; None for the frame of a level.
            means (Means, optional): Means returned by an earlier call, used
                instead of the tile's own.
            scale (int, optional): Scale factor. Default: the network's.
            start (int): Scale factor of ``frame``.

        Returns:
            tuple: RGB ``(n, 3, scale * h, scale * w)``, not clipped, and the
            tile's own means.
        """


@register('TASK_UTILS')
class WholeWindowEvaluator:
    """Evaluator that calls any network unchanged.

    If the network has ``extract``, ``fuse`` and ``reconstruct``, as EDVRX16Net
    has, streaming computes the features of each frame only once.

    Args:
        network (nn.Module): The network.
    """
    bytes_per_pixel = 0

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame; see :class:`Evaluator`."""
        out: Tensor = self.network(frames,
                                   **scale_argument(self.network, scale))
        return out

    def extract(self, frame: Tensor) -> Any:
        """Extract features of a frame; see :class:`Evaluator`."""
        return self._parts.extract(frame) if self._in_parts else frame

    def fuse(self, features: Sequence[Any]) -> Any:
        """Fuse the features of a window; see :class:`Evaluator`."""
        stacked: Tensor | list[Tensor]
        if isinstance(features[0], Tensor):
            stacked = torch.stack(list(features), 1)
        else:  # several feature maps per frame
            stacked = [torch.stack(maps, 1) for maps in zip(*features)]
        return self._parts.fuse(stacked) if self._in_parts else stacked

    def reconstruct(self,
                    frame: Tensor,
                    fused: Any,
                    means: Means | None = None,
                    scale: int | None = None,
                    start: int = 1) -> tuple[Tensor, Means]:
        """Upscale a frame or a tile; see :class:`Evaluator`.

        Raises:
            ValueError: If the network does not support ``scale``.
        """
        if start > 1:
            chosen = choose_scale(self.network, scale)
            return upscale_further(self.network, frame, start, chosen), []
        other = scale_argument(self.network, scale)
        if self._in_parts:
            return self._parts.reconstruct(frame, fused, **other), []
        return self.network(fused, **other), []

    @property
    def takes_tiles(self) -> bool:
        """Return whether the network's cascade can be called separately."""
        return self._in_parts

    @property
    def _parts(self) -> Any:
        """The network, with the three methods."""
        return self.network

    @property
    def _in_parts(self) -> bool:
        return all(
            hasattr(self.network, part)
            for part in ('extract', 'fuse', 'reconstruct'))
