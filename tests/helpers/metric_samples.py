# Copyright (c) DKSAN-MM contributors.
"""Samples for metrics as from mmagic's loops, made of plain images."""
import numpy as np
import torch


def sample(key, truth, prediction):
    """Make a metric's sample, BGR, 0-255, from RGB images (h, w, 3)."""

    def tensor(image):
        return torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)

    return dict(
        key=key,
        gt_img=tensor(truth),
        output=dict(pred_img=tensor(prediction).float()))


def frames(count=1, shape=(24, 20, 3), noise=20):
    """Return pairs of RGB images: uint8 truth and float prediction."""
    rng = np.random.default_rng(count)
    for _ in range(count):
        truth = rng.integers(0, 256, shape, dtype=np.uint8)
        yield truth, (truth + rng.normal(0, noise, shape)).clip(0, 255)


def score(metric, samples):
    metric.process(None, samples)
    return metric.evaluate(len(samples))
