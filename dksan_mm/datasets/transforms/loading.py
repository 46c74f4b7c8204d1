# Copyright (c) DKSAN-MM contributors.
"""Transforms that select and load windows of frames."""

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.fileio import get

from dksan_mm.io.images import decode_image
from dksan_mm.io.stores.clip_file import Box
from dksan_mm.io.stores.stores import open_store
from .windows import window_indices


@TRANSFORMS.register_module()
class GenerateWindowIndices(BaseTransform):
    """Select the LR frames around a sample's centre frame.

    It replaces mmagic's ``GenerateFrameIndices``, which never returns for
    clips shorter than the window and moves centres away from the clip's ends.

    Required keys: ``img_path`` (list of all LR frames of the clip, in order),
    ``frame`` (index of the centre), ``num_input_frames``.
    Modified keys: ``img_path`` (frames of the window).
    Added keys: ``window`` (indices of these frames), ``interval``.

    Args:
        interval (int): Distance between adjacent frames of the window.
        padding (str): 'replicate' (*chosen here*, see
            :func:`~dksan_mm.datasets.window_indices`) or 'reflect'.
    """

    def __init__(self, interval: int = 1, padding: str = 'replicate') -> None:
        # A wrong setting should fail here, not in a data loader worker.
        window_indices(0, 1, length=1, interval=interval, padding=padding)
        self.interval = interval
        self.padding = padding

    def transform(self, results: dict) -> dict:
        """Replace ``img_path`` by the paths of the window."""
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


class _Frames:
    """Frames of one key of a sample, from image files or a store."""

    def __init__(self, results: dict, key: str) -> None:
        paths = results.get(f'{key}_path')
        if paths is None:
            raise ValueError(f'the data set has no {key!r} frames: its '
                             f'data_prefix must name their folder as {key!r}')
        self.many = isinstance(paths, (list, tuple))
        self.paths = list(paths) if self.many else [paths]
        self.store = results.get(f'{key}_store')
        if self.store:
            indices = results['window' if self.many else 'frame']
            self.indices = indices if self.many else [indices]
        else:
            # Replicated frames are read again, because flips work in place
            # and would flip a shared array twice.
            self.images = [decode_image(get(p), p) for p in self.paths]
            _check_one_size(self.images, self.paths)

    def size(self) -> tuple[int, int]:
        """Height and width."""
        if not self.store:
            height, width = self.images[0].shape[:2]
            return height, width
        with open_store(self.store) as store:
            return store.shape[1], store.shape[2]

    def read(self,
             channel_order: str,
             box: Box | None = None) -> np.ndarray | list[np.ndarray]:
        """Read all frames, or the same crop of each."""
        if self.store:
            with open_store(self.store) as store:
                images = [store.read(index, box) for index in self.indices]
        else:
            top, left, height, width = box or (0, 0, *self.size())
            images = [
                np.ascontiguousarray(image[top:top + height,
                                           left:left + width])
                for image in self.images
            ]
        stored_order = 'rgb' if self.store else 'bgr'
        if channel_order != stored_order:  # the same swap in both directions
            images = [
                cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
                for image in images
            ]
        return images if self.many else images[0]


def _check_channel_order(channel_order: str) -> None:
    if channel_order not in ('rgb', 'bgr'):
        raise ValueError("channel_order must be 'rgb' or 'bgr', got "
                         f'{channel_order!r}')


def _add_images(results: dict, key: str, images: np.ndarray | list[np.ndarray],
                size: tuple[int, int], channel_order: str) -> None:
    """Add images to a sample with the keys of mmagic's loading."""
    many = isinstance(images, list)
    results[key] = images
    results[f'ori_{key}_shape'] = [(*size, 3)] * len(images) if many else (
        *size, 3)
    results[f'{key}_channel_order'] = channel_order
    results[f'{key}_color_type'] = 'color'


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Read one frame or a list of frames; errors name the file.

    mmagic's ``LoadImageFromFile`` does not name a damaged file.

    Required keys: ``{key}_path`` (str or list[str]). With ``{key}_store``, the
    clip's store, frames are read from there, given ``window`` or ``frame``.
    Added keys: ``{key}`` (uint8, ``(h, w, 3)``, or a list of images),
    ``ori_{key}_shape``, ``{key}_channel_order``, ``{key}_color_type``.

    Args:
        key (str): 'img' or 'gt'.
        channel_order (str): 'rgb' or 'bgr'.
        optional (bool): Whether ``{key}_path`` may be absent, as in a test
            split without ground truth; then nothing is loaded.
    """

    def __init__(self,
                 key: str,
                 *,
                 channel_order: str = 'rgb',
                 optional: bool = False) -> None:
        _check_channel_order(channel_order)
        self.key = key
        self.channel_order = channel_order
        self.optional = optional

    def transform(self, results: dict) -> dict:
        """Load the frame or frames of ``self.key``."""
        if self.optional and f'{self.key}_path' not in results:
            return results
        frames = _Frames(results, self.key)
        images = frames.read(self.channel_order)
        _add_images(results, self.key, images, frames.size(),
                    self.channel_order)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(key={self.key!r}, channel_order='
                f'{self.channel_order!r}, optional={self.optional})')


@TRANSFORMS.register_module()
class LoadPairedCrop(BaseTransform):
    """Read the same random crop of the window's LR frames and the HR frame.

    It replaces ``LoadFrames``, ``CheckFrames`` and mmagic's
    ``PairedRandomCrop``, with equal crops at equal seeds. From stores (see
    :mod:`dksan_mm.io.stores.stores`), only the crop's rows or tiles are read;
    image files are decoded as a whole.

    Required keys: ``img_path`` (list), ``gt_path``; with stores, ``img_store``
    and ``gt_store`` with ``window`` and ``frame``.
    Added keys: those of ``LoadFrames`` for 'img' and 'gt', and ``scale``.

    Args:
        gt_patch_size (int): Height and width of the HR crop, a multiple of
            ``scale``.
        min_gt_patch_size (int, optional): Minimum height and width of the crop
            of frames smaller than ``gt_patch_size``. It needs a later
            transform that crops to one size, such as
            :class:`SyntheticMotion`. Default: ``gt_patch_size``.
        scale (int): HR pixels per LR pixel along each axis.
        channel_order (str): 'rgb' or 'bgr'.

    Raises:
        ValueError: If HR is not ``scale`` times LR or is smaller than the
            smallest crop; names the file.
    """

    def __init__(self,
                 gt_patch_size: int,
                 *,
                 min_gt_patch_size: int | None = None,
                 scale: int = 16,
                 channel_order: str = 'rgb') -> None:
        _check_channel_order(channel_order)
        if gt_patch_size < scale or gt_patch_size % scale:
            raise ValueError('gt_patch_size must be a positive multiple of '
                             f'scale {scale}, got {gt_patch_size}')
        least = gt_patch_size if min_gt_patch_size is None else \
            min_gt_patch_size
        if not scale <= least <= gt_patch_size or least % scale:
            raise ValueError(
                f'min_gt_patch_size must be a multiple of scale {scale}, and '
                f'not larger than gt_patch_size {gt_patch_size}, got {least}')
        self.gt_patch_size = gt_patch_size
        self.min_gt_patch_size = least
        self.scale = scale
        self.channel_order = channel_order

    def transform(self, results: dict) -> dict:
        """Load the crops."""
        lr, hr = _Frames(results, 'img'), _Frames(results, 'gt')
        size = lr.size()
        _check_scale(results, size, hr.size(), self.scale)
        if min(size) * self.scale < self.min_gt_patch_size:
            raise ValueError(
                f'{results["gt_path"]}: is {size[1] * self.scale}x'
                f'{size[0] * self.scale}, smaller than the crop of '
                f'{self.min_gt_patch_size}x{self.min_gt_patch_size}')
        patch = [min(n, self.gt_patch_size // self.scale) for n in size]
        # Same random draws as in PairedRandomCrop.
        top = np.random.randint(size[0] - patch[0] + 1)
        left = np.random.randint(size[1] - patch[1] + 1)
        for key, frames, factor in (('img', lr, 1), ('gt', hr, self.scale)):
            box = (factor * top, factor * left, factor * patch[0],
                   factor * patch[1])
            images = frames.read(self.channel_order, box)
            full = (factor * size[0], factor * size[1])
            _add_images(results, key, images, full, self.channel_order)
        results['scale'] = self.scale
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(gt_patch_size={self.gt_patch_size}, '
                f'min_gt_patch_size={self.min_gt_patch_size}, '
                f'scale={self.scale}, channel_order={self.channel_order!r})')


def _check_one_size(frames: list[np.ndarray], paths: list[str]) -> None:
    for frame, path in zip(frames, paths):
        if frame.shape != frames[0].shape:
            raise ValueError(
                f'{path}: is {frame.shape[1]}x{frame.shape[0]}, but '
                f'{paths[0]} is {frames[0].shape[1]}x{frames[0].shape[0]}')


def _check_scale(results: dict, lr: tuple[int, int], hr: tuple[int, int],
                 scale: int) -> None:
    """Check that the HR size is ``scale`` times the LR size."""
    if tuple(hr) != (lr[0] * scale, lr[1] * scale):
        raise ValueError(
            f'{results["gt_path"]}: is {hr[1]}x{hr[0]}, not {scale} times '
            f'{results["img_path"][0]} ({lr[1]}x{lr[0]})')


@TRANSFORMS.register_module()
class CheckFrames(BaseTransform):
    """Check before cropping that HR is ``scale`` times LR.

    Required keys: ``img``, ``img_path``; ``gt`` and ``gt_path`` if present.
    Added keys: ``scale``, for mmagic's ``PairedRandomCrop``.

    Args:
        scale (int): HR pixels per LR pixel along each axis.
    """

    def __init__(self, scale: int = 16) -> None:
        self.scale = scale

    def transform(self, results: dict) -> dict:
        """Raise ``ValueError``, naming both files, if the sizes mismatch."""
        results['scale'] = self.scale
        if 'gt' in results:
            _check_scale(results, results['img'][0].shape[:2],
                         results['gt'].shape[:2], self.scale)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale})'
