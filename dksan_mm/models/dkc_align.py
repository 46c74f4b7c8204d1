# Copyright (c) DKSAN-MM contributors.
"""Alignment of a neighbouring frame with the reference frame."""

from typing import Tuple

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn

from dksan_mm.ops import DeformKernelConv2d, ModulatedDeformConv2d
from .layers import conv3x3, lrelu


@MODELS.register_module()
class DKCAlign(nn.Module):
    """DKC Align (paper, sec. 3, Fig. 2, eq. 9-11).

    Both frames' features pass a convolution and several DKC layers, which
    give the offset feature; from it a convolution predicts the offsets and
    the mask of a modulated deformable convolution of the neighbour.

    Choices the paper leaves open:

    * 4 DKC layers: its parameter table allows no other number.
    * 8 deformable groups, a mask, and LeakyReLU(0.1), as in EDVR.
    * The offset predictor starts at zero: shift 0, mask 0.5. The deformable
      convolution's weights make up for that mask; mmcv's own start, a fifth
      as large, left features so small that training took longer to begin.
    * Offsets and sampling stay in float32 under autocast, since mmcv's
      operator has no bfloat16 and half precision makes offsets coarse.

    Args:
        channels (int): Channels of the features.
        deform_groups (int): Channel groups that share offsets.
        num_layers (int): DKC layers.
        scope (int): Scope of the DKC layers.

    Raises:
        ValueError: If ``deform_groups`` does not divide ``channels``.
    """

    def __init__(self,
                 channels: int,
                 deform_groups: int = 8,
                 *,
                 num_layers: int = 4,
                 scope: int = 4) -> None:
        super().__init__()
        if deform_groups < 1 or channels % deform_groups:
            raise ValueError(f'deform_groups must divide {channels} channels,'
                             f' got {deform_groups}')
        layers = [conv3x3(2 * channels, channels), lrelu()]
        for _ in range(num_layers):
            layers += [
                DeformKernelConv2d(channels, channels, scope=scope),
                lrelu()
            ]
        self.offset_feature = nn.Sequential(*layers)
        self.conv_offset = conv3x3(channels, 27 * deform_groups, scale=0.)
        self.deform_conv = ModulatedDeformConv2d(
            channels, channels, 3, padding=1, deform_groups=deform_groups)
        nn.init.kaiming_normal_(self.deform_conv.weight, a=0.1)
        self.deform_conv.weight.data *= 2
        self.activation = lrelu()

    def forward(self, neighbour: Tensor, reference: Tensor) -> Tensor:
        """Align one frame's features with the reference frame.

        Args:
            neighbour (Tensor[n, channels, h, w]): Features to align.
            reference (Tensor[n, channels, h, w]): The centre frame's.

        Returns:
            Tensor[n, channels, h, w]: ``neighbour`` on the reference grid.

        Raises:
            ValueError: If the two shapes differ.
        """
        if neighbour.shape != reference.shape:
            raise ValueError('neighbour and reference must have one shape, '
                             f'got {tuple(neighbour.shape)} and '
                             f'{tuple(reference.shape)}')
        feature = self.offset_feature(torch.cat([neighbour, reference], 1))
        with torch.autocast(neighbour.device.type, enabled=False):
            dtype = self.conv_offset.weight.dtype
            offset, mask = self.predict_offsets(feature.to(dtype))
            aligned = self.deform_conv(neighbour.to(dtype), offset, mask)
        return self.activation(aligned.to(feature.dtype))

    def predict_offsets(self, feature: Tensor) -> Tuple[Tensor, Tensor]:
        """Predict the deformable convolution's offsets and mask.

        Args:
            feature (Tensor[n, channels, h, w]): The offset feature.

        Returns:
            tuple: Offsets, ``(n, 18 * deform_groups, h, w)``, (dy, dx) per
            tap in pixels of the LR grid, and mask, ``(n, 9 *
            deform_groups, h, w)`` in (0, 1).
        """
        out = self.conv_offset(feature)
        channels = out.shape[1] // 3
        offset, mask = out.split([2 * channels, channels], dim=1)
        return offset, mask.sigmoid()
