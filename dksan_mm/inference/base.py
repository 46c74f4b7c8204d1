# Copyright (c) DKSAN-MM contributors.
"""Evaluators: objects that know how to run a network without gradients."""
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dksan_mm.models.scales import scale_argument
from dksan_mm.utils.registration import register

# For each level of a cascade, what :meth:`Evaluator.reconstruct` took the
# mean of over the whole frame; None: nothing that can be replaced.
Means = list[list[Tensor] | None]


class Evaluator(Protocol):
    """The steps of an evaluation, as streaming and tiling call them.

    An evaluator is no module: state dicts hold the network once.

    Attributes:
        network (nn.Module): The network.
        bytes_per_pixel (int): Memory that :meth:`reconstruct` takes for each
            LR pixel, as measured; 0 if not known.
        takes_tiles (bool): Whether :meth:`reconstruct` takes tiles of any
            size.
    """
    network: nn.Module

    @property
    def bytes_per_pixel(self) -> int:
        """Return memory in bytes."""

    @property
    def takes_tiles(self) -> bool:
        """Return whether tiles may be of any size."""

    def __call__(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame of windows ``(n, t, 3, h, w)``.

        Args:
            frames (Tensor[n, t, 3, h, w]): RGB in [0, 1].
            scale (int, optional): Factor; default: the network's.
        """

    def extract(self, frame: Tensor) -> Any:
        """Make features of a frame ``(n, 3, h, w)``, once for all windows."""

    def fuse(self, features: Sequence[Any]) -> Tensor:
        """Merge the features of a window's frames."""

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor,
                    means: Means | None = None,
                    scale: int | None = None) -> tuple[Tensor, Means]:
        """Upscale a frame, or a tile of it.

        Args:
            frame (Tensor[n, 3, h, w]): The centre LR frame.
            fused (Tensor[n, channels, h, w]): From :meth:`fuse`.
            means (Means, optional): Means to use in the place of the tile's
                own, as an earlier call returned them.
            scale (int, optional): Factor; default: the network's.

        Returns:
            tuple: RGB, ``(n, 3, scale * h, scale * w)``, not clipped; and the
            tile's own means.
        """


@register('TASK_UTILS')
class WholeWindowEvaluator:
    """Evaluator of any network, which is called as it is.

    Of a network with ``extract``, ``fuse`` and ``reconstruct``, such as
    EDVRX16Net, streaming computes the features of each frame once.

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
        """Make features of a frame; see :class:`Evaluator`."""
        return self._parts.extract(frame) if self._in_parts else frame

    def fuse(self, features: Sequence[Any]) -> Any:
        """Merge a window's features; see :class:`Evaluator`."""
        stacked: Tensor | list[Tensor]
        if isinstance(features[0], Tensor):
            stacked = torch.stack(list(features), 1)
        else:  # several maps a frame
            stacked = [torch.stack(maps, 1) for maps in zip(*features)]
        return self._parts.fuse(stacked) if self._in_parts else stacked

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor,
                    means: Means | None = None,
                    scale: int | None = None) -> tuple[Tensor, Means]:
        """Upscale a frame or a tile; see :class:`Evaluator`.

        Raises:
            ValueError: If ``scale`` is none of the network's.
        """
        other = scale_argument(self.network, scale)
        if self._in_parts:
            return self._parts.reconstruct(frame, fused, **other), []
        return self.network(fused, **other), []

    @property
    def takes_tiles(self) -> bool:
        """Return whether the network's cascade can be called by itself."""
        return self._in_parts

    @property
    def _parts(self) -> Any:
        """The network, which has the three methods."""
        return self.network

    @property
    def _in_parts(self) -> bool:
        return all(
            hasattr(self.network, part)
            for part in ('extract', 'fuse', 'reconstruct'))
