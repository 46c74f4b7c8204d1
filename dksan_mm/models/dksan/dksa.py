# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel spatial attention."""
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.models.layers import conv3x3
from dksan_mm.models.utils import is_plain
from dksan_mm.ops import DeformKernelConv2d
from dksan_mm.utils.registration import register


class ExpandToOneMap(nn.Module):
    """conv C->4C, PixelShuffle(2), 1x1 conv C->1 (paper, end of Fig. 3).

    No activation separates the two convolutions, so they are merged: the 1x1
    convolution is applied to the filters of the first, and 4 feature maps are
    computed instead of ``4 * channels``. If a convolution is not a plain layer
    of torch, or has hooks, all three layers are called.

    Args:
        channels (int): Number of input channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = conv3x3(channels, 4 * channels)
        self.shuffle = nn.PixelShuffle(2)
        self.merge = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute one feature map of twice the size.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, 1, 2h, 2w]: Feature map.
        """
        if not all(map(is_plain, (self.expand, self.merge))):
            return self.merge(self.shuffle(self.expand(x)))
        weights = self.merge.weight.flatten()
        filters = torch.einsum('c,csikl->sikl', weights,
                               self.expand.weight.unflatten(0, (-1, 4)))
        bias: Any = self.expand.bias
        bias = weights @ bias.unflatten(0, (-1, 4)) + self.merge.bias
        return self.shuffle(F.conv2d(x, filters, bias, padding=1))


class SpatialAttention(nn.Module):
    """Product of features and one factor per pixel.

    Args:
        *layers (nn.Module): Layers that compute the factor, in (0, 1), from
            the features. Excess rows and columns of the factor are cropped.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.attention = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Weight the features of each pixel.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, channels, h, w]: Features times the attention.
        """
        return x * self.factor(x)

    def factor(self, x: Tensor) -> Tensor:
        """Compute the attention, ``(n, 1, h, w)`` in (0, 1)."""
        return self.attention(x)[..., :x.shape[-2], :x.shape[-1]]


@register('MODELS')
class DKSA(SpatialAttention):
    """Deformable kernel spatial attention (paper, sec. 3, Fig. 3).

    A strided convolution, DKC layers and a PixelShuffle compute one factor in
    (0, 1) per pixel, by which the features are multiplied.

    Choices the paper leaves open: the stride of 2 and the PixelShuffle that
    reverses it follow the authors' challenge code; 2 DKC layers ("a couple")
    follow from the parameter table; for odd sizes, the output of the
    PixelShuffle is cropped.

    Args:
        channels (int): Number of feature channels.
        scope (int): Scope of the DKC layers.
    """

    def __init__(self, channels: int, scope: int = 4) -> None:
        super().__init__(
            conv3x3(channels, channels, stride=2),
            nn.ReLU(inplace=True),
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True),
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True),
            ExpandToOneMap(channels),
            nn.Sigmoid())  # yapf: disable


@register('MODELS')
class LightDKSA(SpatialAttention):
    """Light form of DKSA for the first level (paper, sec. 3).

    The paper mentions it without layers. One DKC layer and a 1x1 convolution
    are *chosen here*, as the parameter table leaves room for them.

    Args:
        channels (int): Number of feature channels.
        scope (int): Scope of the DKC layer.
    """

    def __init__(self, channels: int, scope: int = 4) -> None:
        super().__init__(
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 1, 1),
            nn.Sigmoid())  # yapf: disable
