# Copyright (c) DKSAN-MM contributors.
"""Augmentation that mmagic lacks."""

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from .formatting import on_images


@TRANSFORMS.register_module()
class RandomPermuteChannels(BaseTransform):
    """Put the colour channels of all images into one random order.

    *Chosen here*, for few clips: what is learned of edges must then not
    depend on their colour (docs/results.md). The orders are equally
    likely, that which changes nothing among them.

    Required and modified keys: ``keys``, each an image ``(h, w, 3)`` or a
    list of such.

    Args:
        keys (list[str]): The images to permute alike.
        ratio (float): Probability of a random order.

    Raises:
        ValueError: If ``ratio`` is not in [0, 1].
    """

    def __init__(self, keys: list[str], ratio: float = 0.5) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(f'ratio must be in [0, 1], got {ratio}')
        self.keys, self.ratio = keys, ratio

    def transform(self, results: dict) -> dict:
        """Permute the channels of all images of ``keys``, or leave them."""
        if np.random.random() >= self.ratio:
            return results
        order = np.random.permutation(3)
        for key in self.keys:
            results[key] = on_images(lambda image: image.take(order, -1),
                                     results[key])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keys={self.keys}, ratio={self.ratio})'
