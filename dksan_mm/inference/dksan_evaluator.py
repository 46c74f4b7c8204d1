# Copyright (c) DKSAN-MM contributors.
"""Evaluation of DKSANNet in bands of rows, to save memory and time."""
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dksan_mm.models.dksan.dkc_align import DKCAlign, OffsetFeature
from dksan_mm.models.dksan.dksa import SpatialAttention
from dksan_mm.models.dksan.dksan_net import DKSANNet, Level
from dksan_mm.models.layers import Extractor, UpscaleX2, in_float32
from dksan_mm.models.utils import is_plain, is_untouched
from dksan_mm.utils.registration import register
from .bands import add_chain, can_cut
from .base import Means
from .bicubic_x2 import fast_upsample2
from .residual_blocks import (can_cut_blocks, can_cut_extractor, extract,
                              run_blocks)


class _Features(NamedTuple):
    """Features of a frame, computed once for all windows.

    Attributes:
        maps (Tensor[n, channels, h, w]): Features.
        share (Tensor[n, channels, h, w], optional): Its share as
            a neighbour in the first convolution of DKC Align.
    """
    maps: Tensor
    share: Tensor | None


@register('TASK_UTILS')
class DKSANEvaluator:
    """Evaluator of DKSANNet with features per frame and a cascade in bands.

    The result equals that of calling the network, up to rounding. Only two
    full-size feature maps are kept for any number of residual blocks, and
    each band stays in the processor's cache. Chains with layers that are
    unknown, subclassed or hooked are called unchanged on whole feature maps.

    Args:
        network (DKSANNet): The network.
        band_pixels (int, optional): Approximate number of pixels of a band;
            None for whole feature maps. The default is *chosen here* by
            measurement on a CPU: 16 MB for 128 channels exceed a core's cache,
            but few rows are computed twice.

    Raises:
        ValueError: If ``band_pixels`` is not positive.
    """
    takes_tiles = True

    def __init__(self,
                 network: DKSANNet,
                 band_pixels: int | None = 32768) -> None:
        if band_pixels is not None and band_pixels < 1:
            raise ValueError('band_pixels must be positive or None, got '
                             f'{band_pixels}')
        self.network, self.band_pixels = network, band_pixels

    @property
    def bytes_per_pixel(self) -> int:
        """Measured memory per LR pixel, in bytes.

        This is four float32 feature maps of the last level: its features,
        their sum with the residuals, the latest residual, and the working
        memory of the layers.
        """
        levels: Any = self.network.levels
        channels: int = levels[0].upscale[0].in_channels
        return 4 * 4 * channels * int(4**len(self.network.levels[1:]))

    @torch.no_grad()
    def __call__(self, frames: Tensor, scale: int | None = None) -> Tensor:
        """Upscale the centre frame; see :class:`Evaluator`."""
        network = self.network
        if self.band_pixels is None or not is_untouched(network) or \
                type(network).forward is not DKSANNet.forward:
            out: Tensor = network(frames) if scale is None else \
                network(frames, scale)
            return out
        features = [self.extract(frame) for frame in frames.unbind(1)]
        centre = frames[:, frames.shape[1] // 2]
        return self.reconstruct(centre, self.fuse(features), scale=scale)[0]

    @torch.no_grad()
    def extract(self, frame: Tensor) -> _Features:
        """Extract features of a frame; see :class:`Evaluator`."""
        maps = self.network.extract(
            frame.contiguous(memory_format=torch.channels_last))
        feature = self._offset_feature
        share = None if feature is None else feature.share(maps)
        return _Features(maps, share)

    @torch.no_grad()
    def fuse(self, features: Sequence[_Features]) -> Tensor:
        """Fuse the features of a window; see :class:`Evaluator`.

        The fusion is summed frame by frame, in a seventh of the memory.
        """
        fusion = self.network.fusion
        if type(fusion) is not nn.Conv2d or not is_plain(fusion) or \
                fusion.bias is None or \
                type(self.network).fuse is not DKSANNet.fuse:
            return self.network.fuse(
                torch.stack([one.maps for one in features], 1))
        centre = features[len(features) // 2].maps
        feature = self._offset_feature
        shared = None if feature is None else feature.share(centre, True)
        weights = fusion.weight.chunk(len(features), 1)
        fused = fusion.bias.view(-1, 1, 1)
        for (maps, own), weight in zip(features, weights):
            known = () if own is None else ((own, shared), )
            aligned = self.network.align(maps, centre, *known)
            fused = fused + F.conv2d(aligned, weight)
        return fused

    @property
    def _offset_feature(self) -> OffsetFeature | None:
        """Layer whose shares of the first convolution are kept, if any."""
        align = self.network.align
        if type(align) is not DKCAlign or not is_untouched(align):
            return None
        feature = align.offset_feature
        known = type(feature) is OffsetFeature and is_untouched(feature)
        return feature if known and feature.has_shares else None

    @torch.no_grad()
    def reconstruct(self,
                    frame: Tensor,
                    fused: Tensor | None,
                    means: Means | None = None,
                    scale: int | None = None,
                    start: int = 1) -> tuple[Tensor, Means]:
        """Upscale a frame or a tile; see :class:`Evaluator`.

        Raises:
            ValueError: If no level has one of the scale factors.
        """
        found: Means = []
        for i, level in enumerate(self.network.levels_to(scale, start)):
            frame, own = self._upscale2(level, frame, None if i else fused,
                                        means[i] if means else None)
            found.append(own)
        return frame, found

    def _upscale2(
            self, level: Any, frame: Tensor, features: Tensor | None,
            means: list[Tensor] | None) -> tuple[Tensor, list[Tensor] | None]:
        """Run a level, in bands where its parts are known."""
        pixels = self.band_pixels
        if pixels is None or type(level) is not Level or \
                not is_untouched(level):
            return level(frame, features), None
        if level.extractor is not None:
            features = self._extract(level.extractor, frame - level.mean,
                                     pixels)
        if features is None:  # the level itself raises the error
            return level(frame), None
        if can_cut_blocks(level.blocks):
            residual, own = run_blocks(level.blocks, features, pixels, means)
            residual = _weight_and_add(level.attention, residual, features)
        else:
            residual, own = level.blocks(in_float32(features)), None
            residual = level.attention(residual) + features
        upscaled = fast_upsample2(frame)
        if _is_chain(level.upscale, UpscaleX2) and can_cut(level.upscale):
            add_chain(level.upscale, residual, pixels, upscaled)
        else:
            upscaled += level.upscale(residual)
        return upscaled, own

    def _extract(self, extractor: Any, frame: Tensor, pixels: int) -> Tensor:
        if _is_chain(extractor, Extractor) and can_cut_extractor(extractor):
            return extract(extractor, frame, pixels)
        features: Tensor = extractor(frame)
        return features


def _is_chain(module: nn.Module, kind: type) -> bool:
    """Return whether a module calls its children in sequence."""
    return type(module) in (kind, nn.Sequential) and is_untouched(module)


def _weight_and_add(attention: Any, residual: Tensor,
                    features: Tensor) -> Tensor:
    """Compute eq. 12, in place in ``residual`` if nothing else can hold it."""
    if all(map(is_untouched, attention.modules())):
        if type(attention) is nn.Identity:
            return residual.add_(features)
        if type(attention).forward is SpatialAttention.forward:
            return residual.mul_(attention.factor(residual)).add_(features)
    weighted: Tensor = attention(residual)
    return weighted + features
