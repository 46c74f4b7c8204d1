# Copyright (c) DKSAN-MM contributors.
"""Network of the paper: from seven LR frames to the x16 centre frame."""
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from dksan_mm.engine.runner.checkpoint import current_name
from dksan_mm.models.base_module import BaseModule
from dksan_mm.models.checkpointing import checkpoint_activations
from dksan_mm.models.layers import (RCAB, Extractor, ResidualBlockNoBN,
                                    UpscaleX2, conv3x3, default_init_weights,
                                    in_float32, lrelu, upsample2)
from dksan_mm.models.utils import check_counts
from dksan_mm.utils.registration import register
from .dkc_align import DKCAlign, PlainAlign
from .dksa import DKSA, LightDKSA


class Level(nn.Module):
    """One x2 level of the cascade (paper, eq. 5-8 and 12).

    ``U(A(R(F)) + F) + bicubic(x)`` with features F of the level's frame x.

    Args:
        channels (int): Number of feature channels.
        blocks (Sequence[nn.Module]): Residual blocks R.
        attention (nn.Module): DKSA or LightDKSA, A; or an identity.
        extractor (nn.Module, optional): Feature extraction E_2 to E_4; None
            if the features are given.
        mean (float): Value subtracted from the frame before the extractor.
        smooth (bool): Whether to smooth the level's residual.
    """

    def __init__(self,
                 channels: int,
                 blocks: Sequence[nn.Module],
                 *,
                 attention: nn.Module,
                 extractor: nn.Module | None,
                 mean: float = 0.,
                 smooth: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.extractor = extractor
        self.blocks = nn.Sequential(*blocks)
        self.attention = attention
        self.upscale = UpscaleX2(channels, smooth=smooth)

    def forward(self, frame: Tensor, features: Tensor | None = None) -> Tensor:
        """Upscale a frame by 2.

        Args:
            frame (Tensor[n, 3, h, w]): Output of the previous level, or the
                centre LR frame.
            features (Tensor[n, channels, h, w], optional): Fused features;
                only for a level without an extractor.

        Returns:
            Tensor[n, 3, 2h, 2w]: RGB, not clipped.
        """
        if self.extractor is not None:  # E_2 to E_4
            features = self.extractor(frame - self.mean)
        given: Any = features
        residual = self.blocks(in_float32(given))
        residual = self.attention(residual) + given  # eq. 12
        return self.upscale(residual) + upsample2(frame)  # eq. 5-8


@register('MODELS')
class DKSANNet(BaseModule):
    """DKSAN (paper, sec. 3): alignment, fusion and a cascade of x2 levels.

    docs/dksan.md lists under "Fidelity" what the paper states, what follows
    from its parameter table and what is chosen here. With the default
    arguments, the network has 29,512,268 parameters (paper: 29.5 M).

    Args:
        channels (int): Number of feature channels; paper's table: 128.
        num_blocks (Sequence[int]): RCABs of each x2 level; paper, sec. 4:
            30, 20, 15, 10. The number of levels determines the scale factor.
        num_frames (int): Frames of a window, odd; paper: 7.
        num_extract_blocks (int): Residual blocks of the feature extraction;
            paper: 5.
        deform_groups (int): Deformable groups of DKC Align.
        reduction (int): Reduction of the RCABs' attention; paper: 16.
        channel_attention (bool): Whether the residual blocks have channel
            attention, i.e. are RCABs (ablation).
        align (bool): Whether to use DKC Align instead of a plain convolution
            (ablation).
        dksa (bool): Whether to use spatial attention (ablation).
        mean (float): Value subtracted from all channels of frames before
            feature extraction. *Chosen here*: 0, as the paper states none.
            With the mean of the data, fewer ReLUs remain inactive.
        min_scale (int): Smallest supported scale factor. *Chosen here*:
            earlier levels are useless if no loss trains their frames.
        smooth_scales (Sequence[int]): Scale factors of the levels whose
            residual is smoothed (:func:`~dksan_mm.models.layers.smoothing`).
            *Chosen here*: a loss other than a pixel error does not prevent a
            mesh.
        with_cp (bool): Whether to checkpoint activations: less memory in
            training, the same gradients, more time.
        init_cfg (dict, optional): mmengine's initialisation config.

    Raises:
        ValueError: If ``num_frames`` is even, there is no level, a number of
            channels or blocks is too small, or no level has the scale factor
            ``min_scale`` or one of ``smooth_scales``.
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
                 min_scale: int = 2,
                 smooth_scales: Sequence[int] = (),
                 with_cp: bool = False,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if num_frames < 1 or num_frames % 2 == 0:
            raise ValueError(f'num_frames must be odd, got {num_frames}')
        if len(num_blocks) == 0:
            raise ValueError('num_blocks must name one level at least, got '
                             f'{num_blocks!r}')
        check_counts(1, channels=channels)
        check_counts(
            0,
            num_blocks=min(num_blocks),
            num_extract_blocks=num_extract_blocks)
        self.num_frames, self.scale = num_frames, 2**len(num_blocks)
        self.level_scales = tuple(2**i for i in range(1, len(num_blocks) + 1))
        _check_scales(self.level_scales, min_scale, smooth_scales)
        self.scales = tuple(s for s in self.level_scales if s >= min_scale)
        self.mean = mean
        self.features = nn.Sequential(
            conv3x3(3, channels), lrelu(),
            nn.Sequential(*(ResidualBlockNoBN(channels)
                            for _ in range(num_extract_blocks))))
        self.align = DKCAlign(channels, deform_groups) if align else \
            PlainAlign(channels)
        self.fusion = nn.Conv2d(num_frames * channels, channels, 1)
        default_init_weights(self.fusion)
        block = partial(RCAB, channels, reduction) if channel_attention \
            else partial(ResidualBlockNoBN, channels)
        self.levels = nn.ModuleList()
        for scale, count in zip(self.level_scales, num_blocks):
            first = not self.levels  # has the light DKSA (paper, sec. 3)
            attention = LightDKSA if first else DKSA
            self.levels.append(
                Level(
                    channels, [block() for _ in range(count)],
                    attention=attention(channels) if dksa else nn.Identity(),
                    extractor=None if first else Extractor(channels),
                    mean=mean,
                    smooth=scale in smooth_scales))
        self.register_load_state_dict_pre_hook(_rename_parameters)
        if with_cp:
            self._checkpoint_activations()

    def forward(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            frames (Tensor[n, t, 3, h, w]): Windows of ``num_frames``
                consecutive LR frames, RGB in [0, 1], of any size >= 1 x 1.
            scale (int, optional): Scale factor of the level at which the
                cascade stops, one of ``level_scales``. Default: the last one.

        Returns:
            Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.

        Raises:
            ValueError: If the shape is invalid, or no level has this scale.
        """
        return self.pyramid(frames, scale)[-1]

    def pyramid(self,
                frames: Tensor,
                scale: int | None = None) -> list[Tensor]:
        """Upscale the centre frame of each window at each level.

        Args:
            frames (Tensor[n, t, 3, h, w]): As in :meth:`forward`.
            scale (int, optional): As in :meth:`forward`.

        Returns:
            list[Tensor]: Frames of the levels: x2, x4 and so on.

        Raises:
            ValueError: As in :meth:`forward`.
        """
        if frames.ndim != 5 or frames.shape[1:3] != (self.num_frames, 3):
            raise ValueError(f'expected frames (n, {self.num_frames}, 3, h, '
                             f'w), got {tuple(frames.shape)}')
        levels = self.levels_to(scale)
        features = self.extract(frames.flatten(0, 1))
        fused = self.fuse(features.unflatten(0, frames.shape[:2]))
        upscaled = [levels[0](frames[:, self.num_frames // 2], fused)]
        for level in levels[1:]:
            upscaled.append(level(upscaled[-1]))
        return upscaled

    def extract(self, frames: Tensor) -> Tensor:
        """Extract features of single frames, the same for every window.

        Args:
            frames (Tensor[m, 3, h, w]): RGB in [0, 1].

        Returns:
            Tensor[m, channels, h, w]: Features.
        """
        return self.features(frames - self.mean)

    def fuse(self, features: Tensor) -> Tensor:
        """Align every frame with the centre frame and fuse them (eq. 4).

        Args:
            features (Tensor[n, t, channels, h, w]): Output of :meth:`extract`.

        Returns:
            Tensor[n, channels, h, w]: Fused features.
        """
        n, t, channels, h, w = features.shape
        aligned = self.align(features.flatten(0, 1), features[:, t // 2])
        # Not unflatten, which torch.onnx exports with a fixed size.
        return self.fusion(aligned.reshape(n, t * channels, h, w))

    def levels_to(self, scale: int | None, start: int = 1) -> nn.ModuleList:
        """Return the levels that upscale from one scale factor to another.

        Args:
            scale (int, optional): Scale factor of the last of these levels.
                Default: the network's.
            start (int): Scale factor of the frame that they upscale; 1 for an
                LR frame.

        Raises:
            ValueError: If no level has one of these scales.
        """
        scale = self.scale if scale is None else scale
        earlier = (1, *(s for s in self.level_scales if s <= scale))
        for value, allowed in (scale, self.level_scales), (start, earlier):
            if value not in allowed:
                raise ValueError(f'scale must be one of {allowed}, got '
                                 f'{value}')
        return self.levels[start.bit_length() - 1:scale.bit_length() - 1]

    @property
    def offset_predictor(self) -> nn.Module | None:
        """Convolution that predicts the alignment's offsets, if any."""
        pack = getattr(self.align, 'deform_conv', None)
        return pack and pack.conv_offset

    def _checkpoint_activations(self) -> None:
        parts: list[nn.Module | None] = [self.features, self.align]
        levels: Any = self.levels
        for level in levels:
            parts += [level.extractor, level.attention, level.upscale]
        checkpoint_activations(
            filter(None, parts), [level.blocks for level in levels])


def _check_scales(level_scales: tuple[int, ...], min_scale: int,
                  smooth_scales: Sequence[int]) -> None:
    if min_scale not in level_scales:
        raise ValueError(f'min_scale must be one of {level_scales}, got '
                         f'{min_scale}')
    if not set(smooth_scales) <= set(level_scales):
        raise ValueError(f'smooth_scales must be some of {level_scales}, got '
                         f'{smooth_scales}')


def _rename_parameters(network: nn.Module, state_dict: dict, *_) -> None:
    """Accept checkpoints of earlier versions."""
    for name in list(state_dict):
        state_dict[current_name(name)] = state_dict.pop(name)
