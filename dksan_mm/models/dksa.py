# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel spatial attention."""

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

    def forward(self, x: Tensor) -> Tensor:
        """Weight the features of each pixel.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, channels, h, w]: Features times the attention.
        """
        factor = self.attention(x)
        return x * factor[..., :x.shape[-2], :x.shape[-1]]


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

    def forward(self, x: Tensor) -> Tensor:
        """Weight the features of each pixel.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, channels, h, w]: Features times the attention.
        """
        return x * self.attention(x)
