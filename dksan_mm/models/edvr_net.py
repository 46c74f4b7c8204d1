# Copyright (c) DKSAN-MM contributors.
"""EDVR with an x16 tail, the baseline in the paper's tables."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.utils.registration import register
from .base_module import BaseModule
from .checkpointing import checkpoint_activations
from .edvr_parts import ConvAct, PCDAlignment, PixelShufflePack, TSAFusion
from .layers import ResidualBlockNoBN, default_init_weights, in_float32, lrelu
from .utils import check_counts


@register('MODELS')
class EDVRX16Net(BaseModule):
    """EDVR (Wang et al., 2019), x16: mmagic's network with a longer tail.

    Features, PCD alignment, TSA fusion, reconstruction and parameter names
    are as in mmagic, so weights of its x4 network fit all layers but the new
    ones. The paper keeps "most of EDVR's setting" but does not say how it
    changes the upscaling. *Chosen here*: two more x2 steps of EDVR's kind with
    64 channels, as in its last step, and its bilinear skip connection at x16.

    Options of mmagic's EDVR are fixed: the centre frame is the reference, TSA
    is always used, and all layers are trained from the first iteration
    (``tsa_iter``, which restarts at 0 after every resume, belongs to mmagic's
    model class, which is not used). mmagic scales the initial weights of both
    convolutions of a residual block by 0.1. *Chosen here*: only those of the
    second. ConvMuon's steps are equally large for all weights, so ReLUs after
    such small weights soon become permanently inactive. The default arguments
    give EDVR-L with 20,994,787 parameters; mmagic's x4 EDVR-L has 20,699,363
    for 7 frames, and the paper's 20.6 M is the number for 5 frames.

    Args:
        channels (int): Number of feature channels; EDVR-L: 128.
        num_blocks (int): Residual blocks of the reconstruction; EDVR-L: 40.
        num_frames (int): Frames of a window, odd; paper: 7.
        num_extract_blocks (int): Residual blocks of the feature extraction.
        deform_groups (int): Deformable groups of the alignment.
        tail_channels (int): Number of channels from the second x2 step on.
        mean (float): As in DKSANNet.
        with_cp (bool): Whether to checkpoint activations, except in the tail,
            where it saves nothing: less memory in training, the same
            gradients, more time.
        init_cfg (dict, optional): mmengine's initialisation config.

    Raises:
        ValueError: If ``num_frames`` is even, ``deform_groups`` does not
            divide ``channels``, or a number of channels or blocks is too
            small.
    """

    scale = 16
    size_divisor = 4  # two more pyramid levels; WindowVSR pads

    def __init__(self,
                 channels: int = 128,
                 num_blocks: int = 40,
                 *,
                 num_frames: int = 7,
                 num_extract_blocks: int = 5,
                 deform_groups: int = 8,
                 tail_channels: int = 64,
                 mean: float = 0.,
                 with_cp: bool = False,
                 init_cfg: dict | None = None) -> None:
        if num_frames < 1 or num_frames % 2 == 0:
            raise ValueError(f'num_frames must be odd, got {num_frames}')
        if deform_groups < 1 or channels % deform_groups:
            raise ValueError(f'deform_groups must divide {channels} channels,'
                             f' got {deform_groups}')
        check_counts(1, channels=channels, tail_channels=tail_channels)
        check_counts(
            0, num_blocks=num_blocks, num_extract_blocks=num_extract_blocks)
        super().__init__(init_cfg=init_cfg)
        self.num_frames, self.mean = num_frames, mean
        self.center_frame_idx = num_frames // 2
        self.conv_first = nn.Conv2d(3, channels, 3, 1, 1)
        self.feature_extraction = _blocks(channels, num_extract_blocks)
        self.feat_l2_conv1 = ConvAct(channels, channels, stride=2)
        self.feat_l2_conv2 = ConvAct(channels, channels)
        self.feat_l3_conv1 = ConvAct(channels, channels, stride=2)
        self.feat_l3_conv2 = ConvAct(channels, channels)
        self.pcd_alignment = PCDAlignment(channels, deform_groups)
        self.fusion = TSAFusion(channels, num_frames)
        self.reconstruction = _blocks(channels, num_blocks)
        self.upsample1 = PixelShufflePack(channels, channels)
        self.upsample2 = PixelShufflePack(channels, tail_channels)
        self.upsample3 = PixelShufflePack(tail_channels, tail_channels)
        self.upsample4 = PixelShufflePack(tail_channels, tail_channels)
        self.conv_hr = nn.Conv2d(tail_channels, tail_channels, 3, 1, 1)
        self.conv_last = nn.Conv2d(tail_channels, 3, 3, 1, 1)
        self.lrelu = lrelu()
        for block in (*self.feature_extraction, *self.reconstruction):
            default_init_weights(block.conv1)
        if with_cp:
            checkpoint_activations(
                [self.pcd_alignment, self.fusion],
                [self.feature_extraction, self.reconstruction])

    def forward(self, frames: Tensor) -> Tensor:
        """Upscale the centre frame of each window.

        Args:
            frames (Tensor[n, t, 3, h, w]): Windows of ``num_frames``
                consecutive LR frames, RGB in [0, 1]; h and w multiples of 4
                (``WindowVSR`` pads other sizes).

        Returns:
            Tensor[n, 3, 16h, 16w]: RGB, not clipped.

        Raises:
            ValueError: If the shape is invalid.
        """
        if frames.ndim != 5 or frames.shape[1:3] != (self.num_frames, 3) or \
                any(size % self.size_divisor for size in frames.shape[3:]):
            raise ValueError(
                f'expected frames (n, {self.num_frames}, 3, h, w), h and w '
                f'multiples of {self.size_divisor}, got {tuple(frames.shape)}')
        pyramid = self.extract(frames.flatten(0, 1))
        fused = self.fuse([x.unflatten(0, frames.shape[:2]) for x in pyramid])
        return self.reconstruct(frames[:, self.center_frame_idx], fused)

    def init_weights(self) -> None:
        """Initialise as in mmengine, and the fusion as in EDVR."""
        super().init_weights()
        config: Any = self.init_cfg or {}
        if config.get('type') != 'Pretrained':
            self.fusion.init_attention()

    @property
    def offset_predictor(self) -> nn.Module:
        """Layer that predicts the offsets of PCD at full size."""
        pack: Any = self.pcd_alignment.dcn_pack['l1']
        return pack.conv_offset

    def extract(self, frames: Tensor) -> list[Tensor]:
        """Extract features of single frames, the same for every window.

        Args:
            frames (Tensor[m, 3, h, w]): RGB in [0, 1].

        Returns:
            list[Tensor]: Features ``(m, channels, h, w)``, and the same at
            half and quarter size.
        """
        full = self.lrelu(self.conv_first(frames - self.mean))
        full = self.feature_extraction(full)
        half = self.feat_l2_conv2(self.feat_l2_conv1(full))
        return [full, half, self.feat_l3_conv2(self.feat_l3_conv1(half))]

    def fuse(self, pyramid: list[Tensor]) -> Tensor:
        """Align every frame with the centre frame and fuse them.

        Args:
            pyramid (list[Tensor]): Features ``(n, t, channels, h, w)`` at the
                three sizes of :meth:`extract`.

        Returns:
            Tensor[n, channels, h, w]: Fused features.
        """
        n, t = pyramid[0].shape[:2]
        centre = [x[:, t // 2, None].expand_as(x) for x in pyramid]
        # All frames at once; mmagic uses a loop.
        aligned = self.pcd_alignment([x.flatten(0, 1) for x in pyramid],
                                     [x.flatten(0, 1) for x in centre])
        # Not unflatten, which torch.onnx exports with a fixed size.
        return self.fusion(aligned.reshape(n, t, *aligned.shape[1:]))

    def reconstruct(self, frame: Tensor, fused: Tensor) -> Tensor:
        """Compute the residual and add the bilinear x16 frame.

        Args:
            frame (Tensor[n, 3, h, w]): Centre LR frame.
            fused (Tensor[n, channels, h, w]): Output of :meth:`fuse`.

        Returns:
            Tensor[n, 3, 16h, 16w]: RGB, not clipped.
        """
        out = self.reconstruction(in_float32(fused))
        for layer in (self.upsample1, self.upsample2, self.upsample3,
                      self.upsample4, self.conv_hr):
            out = self.lrelu(layer(out))
        # float32 also under autocast, which does not convert the skip.
        return self.conv_last(out) + F.interpolate(
            frame,
            scale_factor=self.scale,
            mode='bilinear',
            align_corners=False)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlockNoBN(channels) for _ in range(count)))
