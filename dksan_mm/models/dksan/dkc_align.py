# Copyright (c) DKSAN-MM contributors.
"""Alignment of a neighbouring frame with the reference frame."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.models.deform_conv_pack import DeformConvPack
from dksan_mm.models.layers import conv3x3, lrelu
from dksan_mm.models.utils import is_plain
from dksan_mm.ops import DeformKernelConv2d
from dksan_mm.utils.registration import register


class OffsetFeature(nn.Sequential):
    """Features from which DKC Align predicts offsets.

    The first convolution is linear in its two frames, so the shares of both
    are computed separately and added. A frame has the same share as
    a neighbour in every window, and the reference has the same share for every
    neighbour. If the convolution is not a plain layer of torch, or has hooks,
    it is called with both frames.

    Args:
        channels (int): Number of channels of the input and the output.
        num_layers (int): Number of DKC layers.
        scope (int): Scope of the DKC layers.
    """

    def __init__(self, channels: int, num_layers: int, scope: int) -> None:
        layers = [conv3x3(2 * channels, channels), lrelu()]
        for _ in range(num_layers):
            layers += [
                DeformKernelConv2d(channels, channels, scope=scope),
                lrelu()
            ]
        super().__init__(*layers)

    def forward(  # type: ignore[override]  # of two frames
            self,
            neighbour: Tensor,
            reference: Tensor,
            shares: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Compute the features of pairs of frames.

        Args:
            neighbour (Tensor[n * t, channels, h, w]): ``t`` neighbours of
                each reference.
            reference (Tensor[n, channels, h, w]): Centre frames.
            shares (tuple, optional): Results of :meth:`share` for both.

        Returns:
            Tensor[n * t, channels, h, w]: Features.
        """
        first, activation, *rest = self
        if self.has_shares:
            own, other = shares or (self.share(neighbour),
                                    self.share(reference, True))
            n, channels, h, w = other.shape
            x = own.reshape(n, -1, channels, h, w) + other[:, None]
            x = activation(x).flatten(0, 1)
        else:
            count = neighbour.shape[0] // reference.shape[0]
            reference = reference.repeat_interleave(count, 0)
            x = activation(first(torch.cat([neighbour, reference], 1)))
        for layer in rest:
            x = layer(x)
        return x

    @property
    def has_shares(self) -> bool:
        """Return whether :meth:`share` can replace a call."""
        return is_plain(self[0])

    def share(self, features: Tensor, as_reference: bool = False) -> Tensor:
        """Compute the share of one frame in the first convolution.

        Args:
            features (Tensor[n, channels, h, w]): The frame's features.
            as_reference (bool): Whether the frame is the reference, whose
                share includes the bias, or a neighbour.

        Returns:
            Tensor[n, channels, h, w]: Its share.
        """
        conv: Any = self[0]
        own, other = conv.weight.chunk(2, 1)
        if as_reference:
            return F.conv2d(features, other, conv.bias, padding=1)
        return F.conv2d(features, own, padding=1)


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
        self.offset_feature = OffsetFeature(channels, num_layers, scope)
        self.deform_conv = DeformConvPack(channels, deform_groups)
        nn.init.kaiming_normal_(self.deform_conv.weight, a=0.1)
        self.deform_conv.weight.data *= 2
        self.activation = lrelu()

    def forward(self,
                neighbour: Tensor,
                reference: Tensor,
                shares: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Align frames' features with their reference frame.

        Args:
            neighbour (Tensor[n * t, channels, h, w]): Features to align,
                ``t`` consecutive ones for each reference.
            reference (Tensor[n, channels, h, w]): The centre frames.
            shares (tuple, optional): See :class:`OffsetFeature`.

        Returns:
            Tensor[n * t, channels, h, w]: ``neighbour`` on the reference
            grid.

        Raises:
            ValueError: If the two shapes do not fit together.
        """
        if neighbour.shape[1:] != reference.shape[1:] or \
                neighbour.shape[0] % (reference.shape[0] or 1):
            raise ValueError('neighbour and reference must have one shape, '
                             'but for a multiple of the references, got '
                             f'{tuple(neighbour.shape)} and '
                             f'{tuple(reference.shape)}')
        feature = self.offset_feature(neighbour, reference, shares)
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
