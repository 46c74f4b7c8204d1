# Copyright (c) DKSAN-MM contributors.
"""Alignment of a neighbouring frame with the reference frame."""

import torch
from torch import Tensor, nn

from dksan_mm.models.deform_conv_pack import DeformConvPack
from dksan_mm.models.layers import conv3x3, lrelu
from dksan_mm.ops import DeformKernelConv2d
from dksan_mm.utils.registration import register


@register('MODELS')
class DKCAlign(nn.Module):
    """DKC Align (paper, sec. 3, Fig. 2, eq. 9-11).

    A convolution and several DKC layers compute the offset feature from both
    frames' features. A further convolution predicts the offsets and mask of a
    modulated deformable convolution of the neighbour.

    Choices the paper leaves open:

    * 4 DKC layers: its parameter table allows no other number.
    * 8 deformable groups, a mask, and LeakyReLU(0.1), as in EDVR.
    * The initial mask is 0.5, for which the deformable convolution's initial
      weights compensate. mmcv's initial weights, a fifth as large, gave
      features so small that training took longer to begin.

    Args:
        channels (int): Number of feature channels.
        deform_groups (int): Number of channel groups with their own offsets.
        num_layers (int): Number of DKC layers.
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
        layers = [conv3x3(2 * channels, channels), lrelu()]
        for _ in range(num_layers):
            layers += [
                DeformKernelConv2d(channels, channels, scope=scope),
                lrelu()
            ]
        self.offset_feature = nn.Sequential(*layers)
        self.deform_conv = DeformConvPack(channels, deform_groups)
        nn.init.kaiming_normal_(self.deform_conv.weight, a=0.1)
        self.deform_conv.weight.data *= 2
        self.activation = lrelu()

    def forward(self, neighbour: Tensor, reference: Tensor) -> Tensor:
        """Align one frame's features with the reference frame.

        Args:
            neighbour (Tensor[n, channels, h, w]): Features to align.
            reference (Tensor[n, channels, h, w]): Centre frame's features.

        Returns:
            Tensor[n, channels, h, w]: Aligned features of the neighbour.

        Raises:
            ValueError: If the two shapes differ.
        """
        if neighbour.shape != reference.shape:
            raise ValueError('neighbour and reference must have one shape, '
                             f'got {tuple(neighbour.shape)} and '
                             f'{tuple(reference.shape)}')
        feature = self.offset_feature(torch.cat([neighbour, reference], 1))
        return self.activation(self.deform_conv(neighbour, feature))


class PlainAlign(nn.Sequential):
    """Plain convolution instead of DKC Align (ablation).

    *Chosen here*, as the paper's parameter table leaves room for it.

    Args:
        channels (int): Number of feature channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(conv3x3(channels, channels), lrelu())

    def forward(  # type: ignore[override]  # called like DKCAlign
            self, neighbour: Tensor, reference: Tensor) -> Tensor:
        """Convolve ``neighbour``; see :meth:`DKCAlign.forward`."""
        return super().forward(neighbour)
