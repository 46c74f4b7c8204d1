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

    Nothing lies between the two convolutions, so they are one: the second's
    sum over channels is taken of the first's filters, and 4 maps are computed
    instead of ``4 * channels``. Where a convolution is not torch's own, or
    has hooks, all three layers are called.

    Args:
        channels (int): Channels of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = conv3x3(channels, 4 * channels)
        self.shuffle = nn.PixelShuffle(2)
        self.merge = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Make one map of twice the size.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, 1, 2h, 2w]: The map.
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
        *layers (nn.Module): Layers that make the factor, in (0, 1), from the
            features. It may exceed them at the right and the bottom.
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

    A strided convolution, DKC layers and a PixelShuffle give one factor in
    (0, 1) per pixel; the features are multiplied by it.

    Choices the paper leaves open: the stride of 2 and the PixelShuffle that
    undoes it follow the authors' challenge code; 2 DKC layers ("a couple")
    are what the parameter table allows; odd sizes are cropped after the
    PixelShuffle.

    Args:
        channels (int): Channels of the features.
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
    """The light form of DKSA, for the first level (paper, sec. 3).

    The paper says that it exists; its body, one DKC layer and a 1x1
    convolution, is *chosen here* as what the parameter table has room for.

    Args:
        channels (int): Channels of the features.
        scope (int): Scope of the DKC layer.
    """

    def __init__(self, channels: int, scope: int = 4) -> None:
        super().__init__(
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 1, 1),
            nn.Sigmoid())  # yapf: disable
