# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel spatial attention."""

import torch
import torch.nn.functional as F
from mmagic.registry import MODELS
from torch import Tensor, nn

from dksan_mm.ops import DeformKernelConv2d
from .layers import conv3x3


@MODELS.register_module()
class DKSA(nn.Module):
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
        super().__init__()
        self.attention = nn.Sequential(
            conv3x3(channels, channels, stride=2), nn.ReLU(inplace=True),
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True),
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True), conv3x3(channels, 4 * channels),
            nn.PixelShuffle(2), nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor, inplace: bool = False) -> Tensor:
        """Weight the features of each pixel.

        Args:
            x (Tensor[n, channels, h, w]): Features.
            inplace (bool): Write the result to ``x``.

        Returns:
            Tensor[n, channels, h, w]: Features times the attention.
        """
        factor = self._expand(self.attention[:-4](x)).sigmoid()
        return _weight(x, factor[..., :x.shape[-2], :x.shape[-1]], inplace)

    def _expand(self, feature: Tensor) -> Tensor:
        """The 3x3 convolution, the PixelShuffle and the 1x1 convolution.

        The last one's sum over channels is taken of the first one's filters
        instead: 4 maps are computed, not ``4 * channels``.
        """
        expand, _, merge = self.attention[-4:-1]
        weights = merge.weight.flatten()
        filters = torch.einsum('c,csikl->sikl', weights,
                               expand.weight.unflatten(0, (-1, 4)))
        bias = weights @ expand.bias.unflatten(0, (-1, 4)) + merge.bias
        return F.pixel_shuffle(F.conv2d(feature, filters, bias, padding=1), 2)


@MODELS.register_module()
class LightDKSA(nn.Module):
    """The light form of DKSA, for the first level (paper, sec. 3).

    The paper says that it exists; its body, one DKC layer and a 1x1
    convolution, is *chosen here* as what the parameter table has room for.

    Args:
        channels (int): Channels of the features.
        scope (int): Scope of the DKC layer.
    """

    def __init__(self, channels: int, scope: int = 4) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            DeformKernelConv2d(channels, channels, scope=scope),
            nn.ReLU(inplace=True), nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor, inplace: bool = False) -> Tensor:
        """Weight the features of each pixel.

        Args:
            x (Tensor[n, channels, h, w]): Features.
            inplace (bool): Write the result to ``x``.

        Returns:
            Tensor[n, channels, h, w]: Features times the attention.
        """
        return _weight(x, self.attention(x), inplace)


def _weight(x: Tensor, factor: Tensor, inplace: bool) -> Tensor:
    return x.mul_(factor) if inplace else x * factor
