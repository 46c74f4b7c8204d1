# Copyright (c) DKSAN-MM contributors.
"""EDVR's alignment, fusion and layers, with mmagic's parameter names."""
import torch
from torch import Tensor, nn

from .base_module import BaseModule
from .deform_conv_pack import DeformConvPack
from .layers import default_init_weights, lrelu

SLOPE = 0.1  # of all LeakyReLUs


class ConvAct(nn.Module):
    """Convolution and LeakyReLU, initialised as mmcv's ``ConvModule``.

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
        kernel (int): Kernel size, 1 or 3, with same padding.
        stride (int): Stride.
        activation (bool): Whether to apply the LeakyReLU.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 kernel: int = 3,
                 stride: int = 1,
                 activation: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride,
                              kernel // 2)
        self.activate = lrelu() if activation else nn.Identity()
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise by He et al., 2015, for the activation that follows."""
        plain = isinstance(self.activate, nn.Identity)
        nn.init.kaiming_normal_(
            self.conv.weight,
            a=0 if plain else SLOPE,
            mode='fan_out',
            nonlinearity='relu' if plain else 'leaky_relu')
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to ``x``, ``(n, in_channels, h, w)``."""
        return self.activate(self.conv(x))


class PixelShufflePack(nn.Module):
    """Upscaling x2 by a convolution and PixelShuffle.

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv2d(in_channels, 4 * out_channels, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise by He et al., 2015."""
        default_init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``x``, ``(n, in_channels, h, w)``, by 2."""
        return self.shuffle(self.upsample_conv(x))


class PCDAlignment(BaseModule):
    """Pyramid, cascading and deformable alignment (Wang et al., 2019).

    Args:
        channels (int): Number of feature channels.
        deform_groups (int): Number of channel groups with their own offsets.

    Raises:
        ValueError: If ``deform_groups`` does not divide ``channels``.
    """

    def __init__(self, channels: int, deform_groups: int = 8) -> None:
        super().__init__()
        self.offset_conv1, self.offset_conv2 = nn.ModuleDict(), nn.ModuleDict()
        self.offset_conv3, self.dcn_pack = nn.ModuleDict(), nn.ModuleDict()
        self.feat_conv = nn.ModuleDict()
        for level in ('l3', 'l2', 'l1'):  # quarter, half and full size
            last = level == 'l3'
            self.offset_conv1[level] = ConvAct(2 * channels, channels)
            self.offset_conv2[level] = ConvAct(
                channels if last else 2 * channels, channels)
            if not last:
                self.offset_conv3[level] = ConvAct(channels, channels)
            self.dcn_pack[level] = DeformConvPack(channels, deform_groups)
            if not last:
                self.feat_conv[level] = ConvAct(
                    2 * channels, channels, activation=level == 'l2')
        self.cas_offset_conv1 = ConvAct(2 * channels, channels)
        self.cas_offset_conv2 = ConvAct(channels, channels)
        self.cas_dcnpack = DeformConvPack(channels, deform_groups)
        self.upsample = nn.Upsample(
            scale_factor=2, mode='bilinear', align_corners=False)
        self.lrelu = lrelu()

    def forward(self, neighbours: list[Tensor],
                references: list[Tensor]) -> Tensor:
        """Align one frame's features with the reference frame.

        Args:
            neighbours (list[Tensor]): Features ``(n, channels, h, w)`` to
                align, and the same at half and quarter size.
            references (list[Tensor]): Features of the centre frame.

        Returns:
            Tensor[n, channels, h, w]: Aligned features.
        """
        offset, feature = self._align('l3', neighbours[2], references[2], None,
                                      None)
        for level, size in (('l2', 1), ('l1', 0)):
            offset, feature = self._align(level, neighbours[size],
                                          references[size], offset, feature)
        offset = self.cas_offset_conv1(torch.cat([feature, references[0]], 1))
        offset = self.cas_offset_conv2(offset)
        return self.lrelu(self.cas_dcnpack(feature, offset))

    def _align(self, level: str, neighbour: Tensor, reference: Tensor,
               coarse_offset: Tensor | None,
               coarse: Tensor | None) -> tuple[Tensor, Tensor]:
        """Align at one size, given the results at half that size."""
        offset = torch.cat([neighbour, reference], 1)
        offset = self.offset_conv1[level](offset)
        if coarse is None or coarse_offset is None:
            offset = self.offset_conv2[level](offset)
            return offset, self.lrelu(self.dcn_pack[level](neighbour, offset))
        shift = self.upsample(coarse_offset) * 2
        offset = self.offset_conv2[level](torch.cat([offset, shift], 1))
        offset = self.offset_conv3[level](offset)
        feature = self.dcn_pack[level](neighbour, offset)
        feature = torch.cat([feature, self.upsample(coarse)], 1)
        return offset, self.feat_conv[level](feature)


class TSAFusion(BaseModule):
    """Fusion by temporal and spatial attention (Wang et al., 2019).

    Args:
        channels (int): Number of feature channels.
        num_frames (int): Frames of a window; the centre one is the reference.
    """

    def __init__(self, channels: int, num_frames: int) -> None:
        super().__init__()
        self.center_frame_idx = num_frames // 2
        self.temporal_attn1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.temporal_attn2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.feat_fusion = ConvAct(num_frames * channels, channels, kernel=1)
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.avg_pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.spatial_attn1 = ConvAct(num_frames * channels, channels, kernel=1)
        self.spatial_attn2 = ConvAct(2 * channels, channels, kernel=1)
        self.spatial_attn3 = ConvAct(channels, channels)
        self.spatial_attn4 = ConvAct(channels, channels, kernel=1)
        self.spatial_attn5 = nn.Conv2d(channels, channels, 3, padding=1)
        self.spatial_attn_l1 = ConvAct(channels, channels, kernel=1)
        self.spatial_attn_l2 = ConvAct(2 * channels, channels)
        self.spatial_attn_l3 = ConvAct(channels, channels)
        self.spatial_attn_add1 = ConvAct(channels, channels, kernel=1)
        self.spatial_attn_add2 = nn.Conv2d(channels, channels, 1)
        self.upsample = nn.Upsample(
            scale_factor=2, mode='bilinear', align_corners=False)

    def forward(self, aligned: Tensor) -> Tensor:
        """Fuse the aligned features of a window.

        Args:
            aligned (Tensor[n, t, channels, h, w]): Aligned features from
                :class:`PCDAlignment`; h and w are multiples of 4.

        Returns:
            Tensor[n, channels, h, w]: Fused features.
        """
        weighted = self._weight_frames(aligned)
        fused = self.feat_fusion(weighted)
        attention = self._attend(self.spatial_attn1(weighted))
        added = self.spatial_attn_add2(self.spatial_attn_add1(attention))
        # The factor 2 makes the initial attention about 1.
        return fused * torch.sigmoid(attention) * 2 + added

    def _weight_frames(self, aligned: Tensor) -> Tensor:
        """Weight each pixel by its similarity to the centre frame."""
        n, t = aligned.shape[:2]
        centre = self.temporal_attn1(aligned[:, self.center_frame_idx])
        embedded = self.temporal_attn2(aligned.flatten(0, 1))
        embedded = embedded.reshape(n, t, *embedded.shape[1:])
        alike = [(embedded[:, i] * centre).sum(1) for i in range(t)]
        weights = torch.sigmoid(torch.stack(alike, 1))[:, :, None]
        return (aligned * weights).flatten(1, 2)

    def _attend(self, attention: Tensor) -> Tensor:
        """Compute the spatial attention at half and quarter size."""
        half = self.spatial_attn2(self._pool(attention))
        quarter = self._pool(self.spatial_attn_l1(half))
        quarter = self.spatial_attn_l3(self.spatial_attn_l2(quarter))
        half = self.spatial_attn3(half) + self.upsample(quarter)
        return self.spatial_attn5(self.upsample(self.spatial_attn4(half)))

    def _pool(self, x: Tensor) -> Tensor:
        return torch.cat([self.max_pool(x), self.avg_pool(x)], 1)

    def init_attention(self) -> None:
        """Initialise the convolutions uniformly, as in EDVR."""
        for layer in self.children():
            if isinstance(layer, ConvAct):
                nn.init.kaiming_uniform_(
                    layer.conv.weight, a=SLOPE, mode='fan_out')
                if layer.conv.bias is not None:
                    nn.init.zeros_(layer.conv.bias)
