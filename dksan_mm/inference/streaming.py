# Copyright (c) DKSAN-MM contributors.
"""Restoring a stream of frames of any length, in memory for one window."""
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dksan_mm.inference.base import Evaluator, WholeWindowEvaluator
from dksan_mm.inference.tiles import choose_tiles
from dksan_mm.models.padding import pad_frames
from dksan_mm.models.scales import choose_scale, scales_of
from dksan_mm.utils.resize import lanczos_resize
from dksan_mm.utils.rounding import round_to_uint8
from dksan_mm.utils.sizes import Size, choose_sufficient, fit_size
from .windows import check_frames, restore_stream


@torch.no_grad()
def restore_frames(
    model: nn.Module,
    frames: Iterable[NDArray[Any]],
    *,
    scale: int | None = None,
    size: Size | None = None,
    tile: int | str | None = 'auto',
    ensemble: bool = False,
    is_cut: Callable[[NDArray[Any], NDArray[Any]], bool] | None = None
) -> Iterator[NDArray[Any]]:
    """Upscale the frames of a video, one after the other.

    A frame comes out as soon as the last one of its window went in, and only
    a window is kept. The model's evaluator computes the features of each frame
    once, if it can. At both ends the end frame is repeated, as in evaluation.

    Args:
        model (nn.Module): A ``WindowVSR``, such as
            :func:`dksan_mm.apis.init_model` gives.
        frames (Iterable[ndarray[h, w, 3]]): RGB of one size, uint8.
        scale (int, optional): Factor: that of one of the network's levels, at
            which a smaller one stops. Default: the last one's.
        size (tuple, optional): Width and height to fit the frames into, their
            proportions kept; None for a side that the other decides. The
            smallest factor that suffices is followed by Lanczos' filter.
            Default: what the factor gives.
        tile (int | str | None): Side of the tiles, in LR pixels, that the
            cascade works on; None: the whole frame; 'auto': the whole frame
            if the memory suffices, else tiles that it suffices for. See
            :mod:`dksan_mm.inference.tiles`.
        ensemble (bool): Average the results for the 8 flips and rotations of
            the frames.
        is_cut (Callable, optional): Of two consecutive frames, whether a new
            scene begins with the second. Each scene is restored like a video
            of its own.

    Yields:
        ndarray[scale * h, scale * w, 3]: RGB, rounded to uint8, one for each
        frame; of ``size``, if given.

    Raises:
        TypeError: If a frame is no uint8 image.
        ValueError: If a frame has another shape than the first, no level has
            the scale, none suffices for the size, the frames are that large
            already, or both are given.
    """
    if size is not None:
        if scale is not None:
            raise ValueError(f'give scale or size, got scale={scale} and '
                             f'size={size}')
        yield from _restore_to_size(model, frames, size, tile, ensemble,
                                    is_cut)
        return
    network: Any = model.generator
    restorer = _Restorer(model, tile, _TRANSFORMS if ensemble else ((0, 0), ),
                         choose_scale(network, scale))
    yield from restore_stream(restorer, frames, is_cut)


def _restore_to_size(
        model: nn.Module, frames: Iterable[NDArray[Any]], size: Size,
        tile: int | str | None, ensemble: bool,
        is_cut: Callable[..., Any] | None) -> Iterator[NDArray[Any]]:
    """Upscale by the factor that suffices, then shrink."""
    frames = check_frames(frames)
    first = next(frames, None)
    if first is None:
        return
    network: Any = model.generator
    height, width = first.shape[:2]
    target = fit_size((height, width), size)
    images = restore_frames(
        model,
        itertools.chain([first], frames),
        scale=choose_sufficient(scales_of(network), (height, width), target),
        tile=tile,
        ensemble=ensemble,
        is_cut=is_cut)
    for image in images:
        yield lanczos_resize(image, *target)


class _Encoded(NamedTuple):
    """A frame on its way through the window.

    Attributes:
        inputs (list[Tensor[1, 3, h, w]]): For each transform, RGB in [0, 1],
            padded to what the network needs.
        features (list): For each transform, what ``extract`` gives.
        size (tuple[int, int]): The frame's height and width.
    """
    inputs: list[Tensor]
    features: list[Any]
    size: tuple[int, int]


# (transposed, flipped): the number of flips' bits are vertical, horizontal.
_TRANSFORMS = tuple((t, f) for t in (0, 1) for f in range(4))


def _transform(x: Tensor, transposed: int, flips: int) -> Tensor:
    """Flip, then transpose, the last two axes."""
    axes = [axis for bit, axis in ((1, -2), (2, -1)) if flips & bit]
    x = x.flip(axes) if axes else x
    return x.transpose(-2, -1) if transposed else x


def _transform_back(x: Tensor, transposed: int, flips: int) -> Tensor:
    x = x.transpose(-2, -1) if transposed else x
    return _transform(x, 0, flips)


class _Restorer:
    """The model, cut into what is done for a frame and for a window."""

    def __init__(self, model: Any, tile: int | str | None,
                 transforms: Sequence[tuple[int, int]], scale: int) -> None:
        self.scale = scale
        self.model, self.tile, self.transforms = model, tile, transforms
        self.network = model.generator
        self.num_frames: int
        self.evaluator: Evaluator = model.evaluator or WholeWindowEvaluator(
            self.network)
        self.num_frames = self.network.num_frames
        weight = next(self.network.parameters(), torch.empty(0))
        self.device, self.dtype = weight.device, weight.dtype
        # Of grey levels; what the config's data_preprocessor says.
        self.mean, self.std = (
            getattr(model.data_preprocessor,
                    name).to(self.device).view(1, -1, 1, 1)
            for name in ('mean', 'std'))

    def encode(self, frame: NDArray[Any]) -> _Encoded:
        """Do what concerns one frame alone."""
        image = torch.from_numpy(np.ascontiguousarray(frame)).to(self.device)
        # Contiguous, as a loader gives it: other layouts round otherwise.
        image = image.permute(2, 0, 1)[None].contiguous()
        image = ((image - self.mean) / self.std).to(self.dtype)
        inputs = [
            pad_frames(
                _transform(image, *t)[:, None],
                self.network.size_divisor)[:, 0] for t in self.transforms
        ]
        with self._precision():
            features = [self.evaluator.extract(x) for x in inputs]
        height, width = frame.shape[:2]
        return _Encoded(inputs, features, (height, width))

    def decode(self, window: Sequence[_Encoded]) -> NDArray[Any]:
        """Make the frame in the middle of a window."""
        total = torch.zeros((), device=self.device)
        for i, transform in enumerate(self.transforms):
            size = window[0].size[::-1] if transform[0] else window[0].size
            h, w = (self.scale * length for length in size)
            with self._precision():
                out = self._forward(window[len(window) // 2].inputs[i],
                                    [item.features[i] for item in window])
            out = out.float()[..., :h, :w]
            total = total + _transform_back(out, *transform)
        image = total / len(self.transforms) * self.std + self.mean
        return round_to_uint8(image[0].permute(1, 2, 0).cpu().numpy())

    def _forward(self, frame: Tensor, features: list[Any]) -> Tensor:
        """The network's output for one window of one transform."""
        fused = self.evaluator.fuse(features)
        height, width = frame.shape[-2:]
        tiles = choose_tiles(self.evaluator, self.tile, (height, width),
                             self.device, self.scale)
        if tiles is None:
            return self.evaluator.reconstruct(
                frame, fused, scale=self.scale)[0]
        return tiles.reconstruct(frame, fused, self.scale)

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        """Autocast if the model asks for it (``inference_dtype``)."""
        dtype = getattr(self.model, 'inference_dtype', torch.float32)
        if dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype)
