# Copyright (c) DKSAN-MM contributors.
"""Restoration of a stream of any length in the memory of one window."""
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dksan_mm.models.dihedral import TRANSFORMS, transform, transform_back
from dksan_mm.models.padding import pad_frames, size_divisor
from dksan_mm.models.scales import (choose_ensemble_scale, choose_model_scale,
                                    scales_of)
from dksan_mm.utils.resize import lanczos_resize
from dksan_mm.utils.rounding import round_to_uint8
from dksan_mm.utils.sizes import Size, choose_sufficient, fit_size
from .base import Evaluator, WholeWindowEvaluator
from .tiles import choose_tiles
from .windows import check_frames, restore_stream


@torch.no_grad()
def restore_frames(
    model: nn.Module,
    frames: Iterable[NDArray[Any]],
    *,
    scale: int | None = None,
    size: Size | None = None,
    tile: int | str | None = 'auto',
    ensemble: bool | int | None = None,
    is_cut: Callable[[NDArray[Any], NDArray[Any]], bool] | None = None
) -> Iterator[NDArray[Any]]:
    """Upscale the frames of a video one by one.

    Each output frame is available as soon as the last frame of its window has
    been read, and only one window is kept in memory. If the evaluator can
    extract features, it does so once per frame. The first and last frames are
    repeated at the ends, as in evaluation.

    Args:
        model (nn.Module): A ``WindowVSR``, e.g. from
            :func:`dksan_mm.apis.init_model`.
        frames (Iterable[ndarray[h, w, 3]]): RGB frames of one size, uint8.
        scale (int, optional): Scale factor of a level of the network, at which
            the cascade stops. Default: ``model.test_cfg.scale`` of the config,
            else the last level's.
        size (tuple, optional): Width and height to fit the frames into while
            keeping the aspect ratio; None for a side that follows from the
            other. The smallest sufficient scale factor is followed by Lanczos
            resizing. Default: determined by the scale factor.
        tile (int | str | None): Tile side for the cascade in LR pixels, None
            for the whole frame, or 'auto' for the whole frame if memory
            allows, else tiles that fit. See :mod:`dksan_mm.inference.tiles`.
        ensemble (bool | int, optional): Whether to average the results of the
            8 flips and rotations. A scale factor such as 4 averages the
            frames of that level of a cascade, and later levels run only once.
            Default: ``model.test_cfg.ensemble`` of the config, else False.
        is_cut (Callable, optional): Function of two consecutive frames that
            returns whether a new scene begins with the second. Each scene is
            restored as a separate video.

    Yields:
        ndarray[scale * h, scale * w, 3]: One RGB frame, rounded to uint8, per
        input frame; resized to fit ``size``, if given.

    Raises:
        TypeError: If a frame is not a uint8 array.
        ValueError: If the shape of a frame differs from the first one's, no
            level has the scale factor, or that of ``ensemble``, none is
            sufficient for ``size``, the frames already have that size, or both
            arguments are given.
    """
    if size is not None:
        if scale is not None:
            raise ValueError(f'give scale or size, got scale={scale} and '
                             f'size={size}')
        yield from _restore_to_size(model, frames, size, tile, ensemble,
                                    is_cut)
        return
    restorer = _Restorer(model, tile, choose_model_scale(model, scale),
                         ensemble)
    yield from restore_stream(restorer, frames, is_cut)


def output_size(model: nn.Module,
                frame: tuple[int, int],
                *,
                scale: int | None = None,
                size: Size | None = None) -> tuple[int, int]:
    """Compute the size of the frames that :func:`restore_frames` yields.

    Args:
        model (nn.Module): As in :func:`restore_frames`.
        frame (tuple[int, int]): Height and width of the LR frame.
        scale (int, optional): As in :func:`restore_frames`.
        size (tuple, optional): As in :func:`restore_frames`.

    Returns:
        tuple[int, int]: Height and width of the output.

    Raises:
        ValueError: As in :func:`restore_frames`.
    """
    if size is None:
        factor = choose_model_scale(model, scale)
        return factor * frame[0], factor * frame[1]
    return _fit(model.generator, frame, size)[1]


def _fit(network: Any, frame: tuple[int, int],
         size: Size) -> tuple[int, tuple[int, int]]:
    """Return the smallest sufficient scale factor and the output size."""
    target = fit_size(frame, size)
    return choose_sufficient(scales_of(network), frame, target), target


def _restore_to_size(
        model: nn.Module, frames: Iterable[NDArray[Any]], size: Size,
        tile: int | str | None, ensemble: bool | int | None,
        is_cut: Callable[..., Any] | None) -> Iterator[NDArray[Any]]:
    """Upscale by the smallest sufficient factor, then downscale."""
    frames = check_frames(frames)
    first = next(frames, None)
    if first is None:
        return
    height, width = first.shape[:2]
    scale, target = _fit(model.generator, (height, width), size)
    images = restore_frames(
        model,
        itertools.chain([first], frames),
        scale=scale,
        tile=tile,
        ensemble=ensemble,
        is_cut=is_cut)
    for image in images:
        yield lanczos_resize(image, *target)


class _Encoded(NamedTuple):
    """Frame of a window.

    Attributes:
        inputs (list[Tensor[1, 3, h, w]]): Network input for each transform,
            RGB in [0, 1], padded to the network's size divisor.
        features (list): Output of ``extract`` for each transform.
        size (tuple[int, int]): Height and width of the frame.
    """
    inputs: list[Tensor]
    features: list[Any]
    size: tuple[int, int]


class _Restorer:
    """Model, split into a step per frame and a step per window."""

    def __init__(self, model: Any, tile: int | str | None, scale: int,
                 ensemble: bool | int | None) -> None:
        self.model, self.tile, self.scale = model, tile, scale
        self.network = model.generator
        if ensemble is None:
            ensemble = getattr(model, 'test_ensemble', False)
        mean_scale = choose_ensemble_scale(self.network, ensemble, scale)
        self.transforms = TRANSFORMS if mean_scale else TRANSFORMS[:1]
        # Scale factor of the frames that are averaged.
        self.mean_scale = mean_scale or scale
        self.num_frames: int = self.network.num_frames
        self.evaluator: Evaluator = model.evaluator or WholeWindowEvaluator(
            self.network)
        weight = next(self.network.parameters(), torch.empty(0))
        self.device, self.dtype = weight.device, weight.dtype
        # Grey levels of the config's data_preprocessor.
        self.mean, self.std = (
            getattr(model.data_preprocessor,
                    name).to(self.device).view(1, -1, 1, 1)
            for name in ('mean', 'std'))

    def encode(self, frame: NDArray[Any]) -> _Encoded:
        """Encode one frame."""
        image = torch.from_numpy(np.ascontiguousarray(frame)).to(self.device)
        # Contiguous, as from a data loader: other layouts round differently.
        image = image.permute(2, 0, 1)[None].contiguous()
        image = ((image - self.mean) / self.std).to(self.dtype)
        inputs = [
            pad_frames(
                transform(image, *t)[:, None],
                size_divisor(self.network))[:, 0] for t in self.transforms
        ]
        with self._precision():
            features = [self.evaluator.extract(x) for x in inputs]
        height, width = frame.shape[:2]
        return _Encoded(inputs, features, (height, width))

    def decode(self, window: Sequence[_Encoded]) -> NDArray[Any]:
        """Restore the centre frame of a window."""
        total = torch.zeros((), device=self.device)
        for i, pair in enumerate(self.transforms):
            size = window[0].size[::-1] if pair[0] else window[0].size
            h, w = (self.mean_scale * length for length in size)
            out = self._forward(window[len(window) // 2].inputs[i],
                                [item.features[i] for item in window])
            total = total + transform_back(out[..., :h, :w], *pair)
        frame = total / len(self.transforms)
        if self.mean_scale < self.scale:
            frame = self._reconstruct(
                frame.to(self.dtype), None, self.scale, self.mean_scale)
        image = frame * self.std + self.mean
        return round_to_uint8(image[0].permute(1, 2, 0).cpu().numpy())

    def _forward(self, frame: Tensor, features: list[Any]) -> Tensor:
        """Compute the frame to average for one window and transform."""
        with self._precision():
            fused = self.evaluator.fuse(features)
        return self._reconstruct(frame, fused, self.mean_scale)

    def _reconstruct(self,
                     frame: Tensor,
                     fused: Tensor | None,
                     scale: int,
                     start: int = 1) -> Tensor:
        """Upscale a frame from one scale factor to another, in float32."""
        height, width = (length // start for length in frame.shape[-2:])
        with self._precision():
            tiles = choose_tiles(self.evaluator, self.tile, (height, width),
                                 self.device, scale, start)
            if tiles is None:
                out, _ = self.evaluator.reconstruct(
                    frame, fused, scale=scale, start=start)
            else:
                out = tiles.reconstruct(frame, fused, scale)
        return out.float()

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return autocast if the model's ``inference_dtype`` needs it."""
        dtype = getattr(self.model, 'inference_dtype', torch.float32)
        if dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype)
