# Copyright (c) DKSAN-MM contributors.
"""Transforms of windows of frames; mmagic's do the rest."""
from typing import Dict, List

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.fileio import get

from ..prepare.images import decode_image
from .windows import window_indices


@TRANSFORMS.register_module()
class GenerateWindowIndices(BaseTransform):
    """Pick the LR frames around a sample's centre frame.

    Instead of mmagic's ``GenerateFrameIndices``, which does not end on clips
    shorter than the window and moves centres away from the ends of others.

    Required keys: ``img_path`` (list of all LR frames of the clip, in order),
    ``frame`` (index of the centre), ``num_input_frames``.
    Modified keys: ``img_path`` (the window's frames).
    Added keys: ``window`` (their indices), ``interval``.

    Args:
        interval (int): Distance between neighbouring frames of the window.
        padding (str): 'replicate' (*chosen here*, see
            :func:`~dksan_mm.datasets.window_indices`) or 'reflect'.
    """

    def __init__(self, interval: int = 1, padding: str = 'replicate') -> None:
        # A wrong setting should fail here, not in a loader's worker.
        window_indices(0, 1, length=1, interval=interval, padding=padding)
        self.interval = interval
        self.padding = padding

    def transform(self, results: Dict) -> Dict:
        """Replace ``img_path`` by the window's paths."""
        frames = results['img_path']
        results['window'] = window_indices(
            results['frame'],
            results['num_input_frames'],
            length=len(frames),
            interval=self.interval,
            padding=self.padding)
        results['img_path'] = [frames[index] for index in results['window']]
        results['interval'] = self.interval
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(interval={self.interval}, '
                f'padding={self.padding!r})')


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Read one frame or a list of frames; an unreadable one is named.

    mmagic's ``LoadImageFromFile`` fails on a damaged file with a message
    that does not say which one.

    Required keys: ``{key}_path`` (str or list[str]).
    Added keys: ``{key}`` (uint8, ``(h, w, 3)``, or a list of such),
    ``ori_{key}_shape``, ``{key}_channel_order``, ``{key}_color_type``.

    Args:
        key (str): 'img' or 'gt'.
        channel_order (str): 'rgb' or 'bgr'.
        optional (bool): Whether ``{key}_path`` may be absent (a test split
            without ground truth); then nothing is loaded.
    """

    def __init__(self,
                 key: str,
                 *,
                 channel_order: str = 'rgb',
                 optional: bool = False) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError("channel_order must be 'rgb' or 'bgr', got "
                             f'{channel_order!r}')
        self.key = key
        self.channel_order = channel_order
        self.optional = optional

    def transform(self, results: Dict) -> Dict:
        """Load the frame or frames of ``self.key``."""
        if self.optional and f'{self.key}_path' not in results:
            return results
        paths = results[f'{self.key}_path']
        if isinstance(paths, (list, tuple)):
            # Replicated frames are read again: flips work in place, and
            # would act twice on a shared array.
            frames = [self._load(path) for path in paths]
            _check_one_size(frames, paths)
            shape = [frame.shape for frame in frames]
        else:
            frames = self._load(paths)
            shape = frames.shape
        results[self.key] = frames
        results[f'ori_{self.key}_shape'] = shape
        results[f'{self.key}_channel_order'] = self.channel_order
        results[f'{self.key}_color_type'] = 'color'
        return results

    def _load(self, path: str) -> np.ndarray:
        image = decode_image(get(path), path)
        if self.channel_order == 'rgb':
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
        return image

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(key={self.key!r}, channel_order='
                f'{self.channel_order!r}, optional={self.optional})')


def _check_one_size(frames: List[np.ndarray], paths: List[str]) -> None:
    for frame, path in zip(frames, paths):
        if frame.shape != frames[0].shape:
            raise ValueError(
                f'{path}: is {frame.shape[1]}x{frame.shape[0]}, but '
                f'{paths[0]} is {frames[0].shape[1]}x{frames[0].shape[0]}')


@TRANSFORMS.register_module()
class CheckFrames(BaseTransform):
    """Check that HR is ``scale`` times LR, before anything is cropped.

    Required keys: ``img``, ``img_path``; ``gt`` and ``gt_path`` if present.
    Added keys: ``scale``, for mmagic's ``PairedRandomCrop``.

    Args:
        scale (int): HR pixels per LR pixel along each axis.
    """

    def __init__(self, scale: int = 16) -> None:
        self.scale = scale

    def transform(self, results: Dict) -> Dict:
        """Raise ``ValueError``, naming both files, if the sizes differ."""
        results['scale'] = self.scale
        if 'gt' in results:
            height, width = results['img'][0].shape[:2]
            gt_height, gt_width = results['gt'].shape[:2]
            if (gt_height, gt_width) != (height * self.scale,
                                         width * self.scale):
                raise ValueError(
                    f'{results["gt_path"]}: is {gt_width}x{gt_height}, not '
                    f'{self.scale} times {results["img_path"][0]} '
                    f'({width}x{height})')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale})'
