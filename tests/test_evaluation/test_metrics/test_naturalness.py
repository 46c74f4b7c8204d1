# Copyright (c) DKSAN-MM contributors.
from pathlib import Path

import cv2
import mmagic.evaluation.metrics
import numpy as np
import pytest
from helpers.metric_samples import sample, score
from scipy.special import gamma

from dksan_mm.evaluation.metrics import VideoNIQE
from dksan_mm.utils.resize import bicubic_weights

MODEL = Path(mmagic.evaluation.metrics.__file__).parent / \
    'niqe_pris_params.npz'


def photo(height, width, seed=0):
    """Return an image with a texture like a photograph; RGB, uint8."""
    rng = np.random.default_rng(seed)
    image = sum(
        cv2.GaussianBlur(rng.normal(size=(height, width, 3)), (0, 0), s) * s
        for s in (0.6, 1.5, 4, 12))
    image = (image - image.min()) / np.ptp(image) * 255
    return np.rint(image).astype(np.uint8)


def local_normal(grey):
    """Compute (I - mean) / (std + 1) in a 7x7 Gaussian window."""
    steps = np.arange(-3, 4)
    window = np.exp(-(steps[:, None]**2 + steps**2) / (2 * (7 / 6)**2))
    window /= window.sum()
    patches = np.lib.stride_tricks.sliding_window_view(
        np.pad(grey, 3, mode='edge'), (7, 7))
    mean = (patches * window).sum((2, 3))
    square = (patches**2 * window).sum((2, 3))
    return (grey - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)


def aggd(values):
    """Fit an asymmetric Gaussian by moments: shape, left and right scale."""
    left = np.sqrt((values[values < 0]**2).mean())
    right = np.sqrt((values[values > 0]**2).mean())
    ratio = np.abs(values).mean()**2 / (values**2).mean()
    skew = left / right
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1)**2
    shapes = np.arange(200, 10001) / 1000
    rho = gamma(2 / shapes)**2 / (gamma(1 / shapes) * gamma(3 / shapes))
    shape = shapes[np.abs(rho - ratio).argmin()]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def block_features(block):
    shape, left, right = aggd(block)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = aggd(block * np.roll(block, shift, (0, 1)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        features += [shape, mean, left, right]
    return features


def slow_niqe(rgb):
    """Compute NIQE from the paper's equations, in float64."""
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))
    rows, cols = (size // 96 for size in grey.shape)
    grey = grey[:96 * rows, :96 * cols]
    features = []
    for size in (96, 48):
        normal = local_normal(grey)
        features.append([
            block_features(normal[y:y + size, x:x + size])
            for x in range(0, size * cols, size)
            for y in range(0, size * rows, size)
        ])
        down = [bicubic_weights(n, n // 2, 0.5) for n in grey.shape]
        grey = down[0] @ grey @ down[1].T
    features = np.concatenate(features, 1)
    model = np.load(MODEL)
    difference = model['mu_pris_param'].squeeze() - features.mean(0)
    covariance = (model['cov_pris_param'] + np.cov(features.T)) / 2
    return np.sqrt(difference @ np.linalg.pinv(covariance) @ difference)


def without_truth(key, image):
    one = sample(key, image, image)
    del one['gt_img']
    return one


@pytest.mark.parametrize('size', [(210, 300), (96, 192)])
def test_niqe_equals_its_definition(size):
    image = photo(*size)
    # Grey levels halfway between two are rounded by chance.
    image[image.astype(int) @ (299, 587, 114) % 1000 == 500, 2] ^= 1
    value = score(VideoNIQE(), [without_truth('a/000000', image)])
    assert value == dict(NIQE=pytest.approx(slow_niqe(image), rel=1e-6))


def test_niqe_weighs_colours_as_they_are_whatever_their_order():
    image = photo(100, 200)
    expected = score(VideoNIQE(), [without_truth('a/0', image)])
    swapped = without_truth('a/0', image[..., ::-1])
    assert score(VideoNIQE(channel_order='RGB'), [swapped]) == expected
    assert score(VideoNIQE(), [swapped]) != expected


def test_niqe_of_what_a_border_leaves():
    image = photo(112, 208)
    inner = score(VideoNIQE(), [without_truth('a/0', image[8:-8, 8:-8])])
    assert score(VideoNIQE(8), [without_truth('a/0', image)]) == inner


@pytest.mark.parametrize(
    'image',
    [photo(150, 180), np.full((200, 200, 3), 90, np.uint8)])
def test_frames_that_niqe_is_not_defined_for_do_not_count(image):
    good = without_truth('a/0', photo(96, 192))
    expected = score(VideoNIQE(), [good])
    assert score(VideoNIQE(), [without_truth('b/0', image)]) == {}
    assert score(VideoNIQE(), [without_truth('a/1', image), good]) == expected


def test_niqe_of_some_frames_only():
    samples = [
        without_truth(f'a/{number:04d}', photo(96, 192, number))
        for number in range(9, 13)
    ]
    assert score(VideoNIQE(every=10),
                 samples) == score(VideoNIQE(), samples[1:2])
    with pytest.raises(ValueError, match='got 0'):
        VideoNIQE(every=0)
