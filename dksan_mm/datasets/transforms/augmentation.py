# Copyright (c) DKSAN-MM contributors.
"""Augmentation that mmagic lacks."""

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from .formatting import on_images


@TRANSFORMS.register_module()
class RandomPermuteChannels(BaseTransform):
    """Permute the colour channels of all images randomly.

    *Chosen here* for training on few clips: the network cannot associate edges
    with their colour (docs/results.md). All permutations, including the
    identity, have equal probability.

    Required and modified keys: ``keys``, each an image ``(h, w, 3)`` or a list
    of images.

    Args:
        keys (list[str]): Keys of the images that get the same permutation.
        ratio (float): Probability of a permutation.

    Raises:
        ValueError: If ``ratio`` is not in [0, 1].
    """

    def __init__(self, keys: list[str], ratio: float = 0.5) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(f'ratio must be in [0, 1], got {ratio}')
        self.keys, self.ratio = keys, ratio

    def transform(self, results: dict) -> dict:
        """Permute the channels of all images of ``keys``, or of none."""
        if np.random.random() >= self.ratio:
            return results
        order = np.random.permutation(3)
        for key in self.keys:
            results[key] = on_images(lambda image: image.take(order, -1),
                                     results[key])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys}, ratio={self.ratio})'
