# Copyright (c) DKSAN-MM contributors.
"""The network of the paper: seven LR frames in, the x16 centre frame out."""

from functools import partial
from typing import Callable, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmagic.models.archs import ResidualBlockNoBN
from mmagic.models.utils import default_init_weights, make_layer
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from dksan_mm.bands import in_bands
from .dkc_align import DKCAlign
from .dksa import DKSA, LightDKSA
from .layers import (RCAB, Extractor, Trunk, UpscaleX2, centred, conv3x3,
                     lrelu, run)


class Level(nn.Module):
    """One x2 step: reconstruction, upscale, bicubic skip (paper, eq. 5-8).

    Args:
        channels (int): Channels of the features.
        num_blocks (int): RCABs.
        reduction (int, optional): The RCABs' reduction; None: blocks without
            channel attention (ablation).
        attention (nn.Module, optional): DKSA or LightDKSA; None: without
            spatial attention (ablation).
        extract (bool): Make the features from the level's input frame
            (E_2 to E_4 of the paper); False: they are given.
        mean (float): Taken off the frame that features are made from.
        with_cp (bool): Activation checkpointing of each part.
    """

    def __init__(self,
                 channels: int,
                 num_blocks: int,
                 *,
                 reduction: Optional[int],
                 attention: Optional[nn.Module],
                 extract: bool,
                 mean: float = 0.,
                 with_cp: bool = False) -> None:
        super().__init__()
        self.mean, self.with_cp = mean, with_cp
        self.extractor = Extractor(channels) if extract else None
        self.blocks = Trunk(*(ResidualBlockNoBN(channels) if reduction is
                              None else RCAB(channels, reduction)
                              for _ in range(num_blocks)))
        self.blocks.with_cp = with_cp
        self.attention = attention
        self.upscale = UpscaleX2(channels)

    def forward(self,
                frame: Tensor,
                features: Optional[Tensor] = None) -> Tensor:
        """Double the size of a frame.

        Args:
            frame (Tensor[n, 3, h, w]): RGB, about [0, 1].
            features (Tensor[n, channels, h, w], optional): What the level
                reconstructs from; None: it extracts them from ``frame``.

        Returns:
            Tensor[n, 3, 2h, 2w]: RGB.
        """
        if self.extractor is not None:
            features = self._run(self.extractor, centred(frame, self.mean))
        residual = self.blocks(features)  # a new tensor
        if self.attention is not None:  # eq. 12
            residual = self._run(
                partial(self.attention, inplace=in_bands()), residual)
        residual = residual.add_(features) if in_bands() else \
            residual + features
        skip = F.interpolate(
            frame, scale_factor=2, mode='bicubic', align_corners=False)
        # In float32 also under autocast, which leaves bicubic as it is.
        return self._run(self.upscale, residual) + skip

    def _run(self, part: Callable[..., Tensor], x: Tensor) -> Tensor:
        return run(part, x, with_cp=self.with_cp)


@MODELS.register_module()
class DKSANNet(BaseModule):
    """DKSAN (paper, sec. 3): alignment, fusion, a cascade of x2 levels.

    What the paper gives, what follows from its parameter table and what is
    chosen here is listed in the README under "Fidelity". With the default
    arguments it has 29,512,268 parameters (paper: 29.5 M).

    Args:
        channels (int): Channels of all features; paper's table: 128.
        num_blocks (Sequence[int]): RCABs of each x2 level; paper, sec. 4:
            30, 20, 15, 10. Their number decides the scale.
        num_frames (int): Frames of a window, an odd number; paper: 7.
        num_extract_blocks (int): Residual blocks of the feature extraction;
            paper: 5.
        deform_groups (int): Deformable groups of DKC Align.
        reduction (int): Reduction of the RCABs' attention; paper: 16.
        channel_attention (bool): False: RCABs without attention (ablation).
        align (bool): False: one plain convolution in the place of DKC Align
            (ablation).
        dksa (bool): False: no spatial attention (ablation).
        mean (float): Taken off the frames that features are made from, in
            all channels. *Chosen here*: the paper names none, hence 0; with
            the data's mean, ReLUs that never open are rarer.
        with_cp (bool): Activation checkpointing: less memory in training,
            the same gradients, more time.
        init_cfg (dict, optional): mmengine's initialisation config.

    Raises:
        ValueError: If ``num_frames`` is even or there is no level.
    """

    size_divisor = 1

    def __init__(self,
                 channels: int = 128,
                 num_blocks: Sequence[int] = (30, 20, 15, 10),
                 *,
                 num_frames: int = 7,
                 num_extract_blocks: int = 5,
                 deform_groups: int = 8,
                 reduction: int = 16,
                 channel_attention: bool = True,
                 align: bool = True,
                 dksa: bool = True,
                 mean: float = 0.,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if num_frames < 1 or num_frames % 2 == 0:
            raise ValueError(f'num_frames must be odd, got {num_frames}')
        if len(num_blocks) == 0:
            raise ValueError('num_blocks must name one level at least, got '
                             f'{num_blocks!r}')
        self.num_frames, self.scale = num_frames, 2**len(num_blocks)
        self.mean, self.with_cp = mean, with_cp
        self.features = nn.Sequential(
            conv3x3(3, channels), lrelu(),
            make_layer(
                ResidualBlockNoBN, num_extract_blocks, mid_channels=channels))
        self.align = DKCAlign(channels, deform_groups) if align else \
            nn.Sequential(conv3x3(channels, channels), lrelu())
        self.fusion = nn.Conv2d(num_frames * channels, channels, 1)
        default_init_weights(self.fusion)
        reduction = reduction if channel_attention else None
        self.levels = nn.ModuleList(
            Level(
                channels,
                blocks,
                reduction=reduction,
                attention=_spatial_attention(channels, i) if dksa else None,
                extract=i > 0,
                mean=mean,
                with_cp=with_cp) for i, blocks in enumerate(num_blocks))

    def forward(self, frames: Tensor, scale: Optional[int] = None) -> Tensor:
        """Enlarge the centre frame of each window.

        Args:
            frames (Tensor[n, t, 3, h, w]): Windows of ``num_frames``
                consecutive LR frames, RGB in [0, 1], of any size >= 1 x 1.
            scale (int, optional): Stop at the level whose frame is so many
                times as large; one of ``scales``. Default: the last one.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.

        Raises:
            ValueError: If the shape is another, or no level has this scale.
        """
        if scale is not None and scale not in self.scales:
            raise ValueError(f'scale must be one of {self.scales}, got '
                             f'{scale}')
        if frames.ndim != 5 or frames.shape[1:3] != (self.num_frames, 3):
            raise ValueError(f'expected frames (n, {self.num_frames}, 3, h, '
                             f'w), got {tuple(frames.shape)}')
        if in_bands():
            features = [self.extract(frame) for frame in frames.unbind(1)]
        else:
            features = self.extract(frames.flatten(0, 1))
            features = features.unflatten(0, frames.shape[:2])
        fused = self.fuse(features)
        return self.reconstruct(frames[:, self.num_frames // 2], fused, scale)

    @property
    def scales(self) -> Tuple[int, ...]:
        """How large the frames of the levels are, LR being 1."""
        return tuple(2**(i + 1) for i in range(len(self.levels)))

    @property
    def offset_predictor(self) -> Optional[nn.Module]:
        """What predicts the alignment's offsets; None without alignment."""
        return getattr(self.align, 'conv_offset', None)

    @property
    def bytes_per_pixel(self) -> int:
        """Memory that an LR pixel takes without gradients, as measured.

        Four float32 maps of the last level's features: the level's features,
        their sum with the residuals, the latest residual, and what the layers
        need while they run.
        """
        channels = self.levels[0].upscale[0].in_channels
        return 4 * 4 * channels * 4**(len(self.levels) - 1)

    def extract(self, frames: Tensor) -> Tensor:
        """Features of single frames, the same for every window.

        Args:
            frames (Tensor[m, 3, h, w]): RGB in [0, 1].

        Returns:
            Tensor[m, channels, h, w]: Features.
        """
        if in_bands():
            frames = frames.contiguous(memory_format=torch.channels_last)
        return run(
            self.features, centred(frames, self.mean), with_cp=self.with_cp)

    def fuse(self, features: Union[Tensor, Sequence[Tensor]]) -> Tensor:
        """Align every frame with the centre one and merge them (eq. 4).

        Args:
            features (Tensor[n, t, channels, h, w]): From ``extract``; or a
                sequence of t tensors ``(n, channels, h, w)``, which are
                aligned one after the other, in a seventh of the memory.

        Returns:
            Tensor[n, channels, h, w]: Fused features.
        """
        if not isinstance(features, Tensor):
            return self._fuse_one_by_one(features)
        n, t = features.shape[:2]
        centre = features[:, t // 2, None].expand_as(features)
        aligned = run(
            self._align,
            features.flatten(0, 1),
            centre.flatten(0, 1),
            with_cp=self.with_cp)
        return self.fusion(aligned.unflatten(0, (n, t)).flatten(1, 2))

    def _fuse_one_by_one(self, features: Sequence[Tensor]) -> Tensor:
        """The fusion's sum over all frames, a frame at a time."""
        centre = features[len(features) // 2]
        weights = self.fusion.weight.chunk(len(features), 1)
        fused = self.fusion.bias.view(-1, 1, 1)
        for neighbour, weight in zip(features, weights):
            fused = fused + F.conv2d(self._align(neighbour, centre), weight)
        return fused

    def _align(self, neighbour: Tensor, centre: Tensor) -> Tensor:
        if isinstance(self.align, DKCAlign):
            return self.align(neighbour, centre)
        return self.align(neighbour)

    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor,
                    scale: Optional[int] = None) -> Tensor:
        """Run the cascade (eq. 5-8).

        Args:
            frame (Tensor[n, 3, h, w]): The centre LR frame.
            fused (Tensor[n, channels, h, w]): From ``fuse``.
            scale (int, optional): As in ``forward``.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.
        """
        frame = self.levels[0](frame, fused)
        for level_scale, level in zip(self.scales[1:], self.levels[1:]):
            if scale is not None and level_scale > scale:
                break
            frame = level(frame)
        return frame


def _spatial_attention(channels: int, index: int) -> nn.Module:
    """The first level has the light form (paper, sec. 3)."""
    return LightDKSA(channels) if index == 0 else DKSA(channels)
