# Copyright (c) DKSAN-MM contributors.
"""Layers of the network: convolutions, RCAB and x2 upscaling."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.ops.precision import has_autocast
from dksan_mm.utils.registration import register


def default_init_weights(module: nn.Module, scale: float = 1.) -> None:
    """Initialise convolutions as mmagic does (He et al., 2015; biases 0).

    Args:
        module (nn.Module): Convolution, or module that contains convolutions.
        scale (float): Factor of the initial weights.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
            layer.weight.data *= scale
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def conv3x3(in_channels: int,
            out_channels: int,
            *,
            stride: int = 1,
            scale: float = 1.) -> nn.Conv2d:
    """Build a 3x3 convolution with zero padding, initialised as in EDVR.

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
        stride (int): Stride.
        scale (float): Factor of the Kaiming-normal weights. *Chosen here*:
            0.1 for the last layer of a residual block, as in ESRGAN.

    Returns:
        nn.Conv2d: Convolution with zero bias.
    """
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    default_init_weights(conv, scale)
    return conv


def lrelu() -> nn.LeakyReLU:
    """Build a LeakyReLU with slope 0.1 as in EDVR; the paper states none."""
    return nn.LeakyReLU(0.1, inplace=True)


def upsample2(frame: Tensor) -> Tensor:
    """Upscale a frame x2 by torch's bicubic filter (paper, B_2x)."""
    # With channels last, as from a level, torch takes twice the time.
    return F.interpolate(
        frame.contiguous(),
        scale_factor=2,
        mode='bicubic',
        align_corners=False)


def in_float32(x: Tensor) -> Tensor:
    """Convert ``x`` to float32 under autocast, to add small residuals to it.

    bfloat16 has 8 significant bits: most of a block's residual, at most a
    tenth of its input, would be lost to rounding.
    """
    half = has_autocast(x)
    return x.float() if half else x


class ResidualBlockNoBN(nn.Module):
    """EDVR's residual block ``x + conv(relu(conv(x)))`` with mmagic's names.

    Args:
        channels (int): Number of input and output channels.
        res_scale (float): Factor of the residual; if not 1, the convolutions
            keep PyTorch's default initialisation.
    """

    def __init__(self, channels: int = 64, res_scale: float = 1.) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.relu = nn.ReLU(inplace=True)
        if res_scale == 1:
            self.init_weights()

    def init_weights(self) -> None:
        """Initialise both convolutions at a tenth, as in ESRGAN."""
        for conv in (self.conv1, self.conv2):
            default_init_weights(conv, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor[n, channels, h, w]): Input features.

        Returns:
            Tensor[n, channels, h, w]: Output features.
        """
        return x + self.conv2(self.relu(self.conv1(x))) * self.res_scale


@register('MODELS')
class RCAB(nn.Module):
    """Residual channel attention block (paper, sec. 3; Zhang et al. 2018).

    ``x + attention(conv(relu(conv(x))))``, where the attention is one factor
    per channel, computed from the means of all channels over all pixels.

    Args:
        channels (int): Number of input and output channels.
        reduction (int): Reduction of the attention, whose hidden layer has
            ``channels // reduction`` channels; paper: 16.

    Raises:
        ValueError: If ``reduction`` exceeds ``channels``.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f'reduction must be in [1, {channels}], got '
                             f'{reduction}')
        self.body = nn.Sequential(
            conv3x3(channels, channels, scale=0.1), nn.ReLU(inplace=True),
            conv3x3(channels, channels, scale=0.1))
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // reduction,
                      1), nn.ReLU(inplace=True),
            nn.Conv2d(channels // reduction, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor[n, channels, h, w]): Input features.

        Returns:
            Tensor[n, channels, h, w]: Output features.
        """
        out = self.body(x)
        return x + out * self.attention(out)


class Extractor(nn.Sequential):
    """Feature extraction from a level's input frame (paper, E_2 to E_4).

    One convolution and one residual block, as in the authors' challenge code.

    Args:
        channels (int): Number of feature channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(conv3x3(3, channels), ResidualBlockNoBN(channels))


def smoothing(channels: int) -> nn.Conv2d:
    """Build a fixed binomial filter, [1, 2, 1] / 4 along rows and columns.

    It removes patterns with a period of two pixels, such as the mesh that a
    PixelShuffle leaves (Sugawara et al., arXiv 1806.02658). Zero padding.

    Args:
        channels (int): Number of channels, which are filtered separately.

    Returns:
        nn.Conv2d: Convolution without parameters. State dicts do not contain
        its weight, a buffer.
    """
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    taps = torch.tensor([1., 2., 1.]) / 4
    kernel = torch.eye(channels)[..., None, None] * taps[:, None] * taps
    del conv.weight
    conv.register_buffer('weight', kernel, persistent=False)
    return conv


@register('MODELS')
class UpscaleX2(nn.Sequential):
    """Reconstruction of one level's residual, x2 (paper, U_i in eq. 5-8).

    conv, PixelShuffle, LeakyReLU, conv, LeakyReLU, conv. The paper states the
    types of layers and the 3 channels of the last one; widths and order follow
    the authors' challenge code. *Chosen here*: the initial weights of the last
    layer are scaled by 0.001, so that a new network is almost bicubic.

    Args:
        channels (int): Number of input channels, even.
        out_channels (int): Number of channels of the output image.
        smooth (bool): Whether to apply :func:`smoothing` to the output.

    Raises:
        ValueError: If ``channels`` is odd.
    """

    def __init__(self,
                 channels: int,
                 out_channels: int = 3,
                 *,
                 smooth: bool = False) -> None:
        if channels % 2:
            raise ValueError(f'channels must be even, got {channels}')
        half = channels // 2
        super().__init__(
            conv3x3(channels, 4 * half), nn.PixelShuffle(2), lrelu(),
            conv3x3(half, half), lrelu(),
            conv3x3(half, out_channels, scale=0.001),
            *[smoothing(out_channels)] * smooth)
