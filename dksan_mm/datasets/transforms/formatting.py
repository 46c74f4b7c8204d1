# Copyright (c) DKSAN-MM contributors.
"""Faster versions of mmagic's transforms that copy images."""
from collections.abc import Callable

import cv2
import numpy as np
import torch
from mmagic.datasets.transforms import PackInputs, RandomTransposeHW
from mmagic.registry import TRANSFORMS

Images = np.ndarray | list[np.ndarray]


@TRANSFORMS.register_module()
class RandomTransposeFrames(RandomTransposeHW):
    """Faster version of mmagic's ``RandomTransposeHW`` with equal results.

    Frames are transposed in memory, which takes 0.05 ms for an HR crop of
    512x512. mmagic returns views, whose copy in packing takes 0.9 ms.

    Required and modified keys: ``keys``, each a uint8 image ``(h, w, 3)`` or
    a list of images. Added key: ``transpose``.

    Args:
        keys (list[str]): Keys of the images to transpose together.
        transpose_ratio (float): Probability in [0, 1].
    """

    def transform(self, results: dict) -> dict:
        """Transpose all images of ``keys``, or none."""
        results['transpose'] = np.random.random() < self.transpose_ratio
        if results['transpose']:
            for key in self.keys:
                results[key] = on_images(cv2.transpose, results[key])
        return results


@TRANSFORMS.register_module()
class PackFrames(PackInputs):
    """Faster version of mmagic's ``PackInputs`` with equal results.

    OpenCV splits the channels in 0.05 ms for an HR crop of 512x512, for which
    torch's ``contiguous`` takes 0.2 ms.

    Args:
        keys (list[str]): As in mmagic; keys of the images for ``inputs``.
        meta_keys (list[str]): As in mmagic.
        data_keys (list[str]): As in mmagic.
    """

    def transform(self, results: dict) -> dict:
        """Pack the images of ``keys``, and ``gt`` if present."""
        for key in {*self.keys, 'gt'} & results.keys():
            results[key] = _to_tensor(results[key])
        return super().transform(results)


def on_images(function: Callable, images: Images) -> Images:
    """Apply a function to an image, or to each image of a list."""
    if isinstance(images, list):
        return list(map(function, images))
    return function(images)


def _to_tensor(images: Images) -> torch.Tensor:
    """Convert ``(h, w, 3)`` to ``(3, h, w)``, a list to ``(t, 3, h, w)``."""
    if isinstance(images, list):
        return torch.stack(list(map(_to_tensor, images)))
    return torch.from_numpy(np.stack(cv2.split(images)))
