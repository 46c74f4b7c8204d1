# Copyright (c) DKSAN-MM contributors.
"""Bicubic baseline with the interface of a network."""

import torch
from torch import Tensor

from dksan_mm.utils.registration import register
from dksan_mm.utils.resize import bicubic_weights
from .base_module import BaseModule


@register('MODELS')
class BicubicNet(BaseModule):
    """Bicubic upscaling of the centre frame by MATLAB's kernel (a = -0.5).

    It has no parameters. It differs from the skip connection of DKSANNet:
    torch's bicubic kernel has a = -0.75, and four x2 steps are not one x16.

    Args:
        scale (int): Default scale factor; :meth:`forward` accepts any.
        num_frames (int): Frames of a window; only the centre frame is used.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    size_divisor = 1

    def __init__(self,
                 scale: int = 16,
                 num_frames: int = 7,
                 *,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.scale, self.num_frames = scale, num_frames
        self.scales = tuple(sorted({2, 4, 8, 16, scale}))

    def forward(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            frames (Tensor[n, t, 3, h, w]): LR frames of any value range.
            scale (int, optional): Scale factor. Default: the network's.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: HR frames, not clipped.
        """
        scale = scale or self.scale
        frame = frames[:, frames.shape[1] // 2]
        rows, cols = (
            torch.from_numpy(
                bicubic_weights(size, scale * size, scale).copy()).to(frame)
            for size in frame.shape[-2:])
        return rows @ frame @ cols.T
