# Copyright (c) DKSAN-MM contributors.
import time

import cv2
import numpy as np
import pytest

from dksan_mm.evaluation.functional.image_quality import (crop_border, luma,
                                                          psnr, ssim)
from dksan_mm.utils.rounding import round_to_uint8


def slow_ssim(first, second):
    """Compute SSIM of a plane by its definition, window by window."""
    steps = np.arange(11) - 5
    weights = np.exp(-(steps[:, None]**2 + steps**2) / (2 * 1.5**2))
    weights /= weights.sum()
    total = []
    for top in range(first.shape[0] - 10):
        for left in range(first.shape[1] - 10):
            a = first[top:top + 11, left:left + 11].astype(float)
            b = second[top:top + 11, left:left + 11].astype(float)
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a = (weights * (a - mean_a)**2).sum()
            var_b = (weights * (b - mean_b)**2).sum()
            cov = (weights * (a - mean_a) * (b - mean_b)).sum()
            c1, c2 = 2.55**2, 7.65**2
            total.append((2 * mean_a * mean_b + c1) * (2 * cov + c2) /
                         ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return np.mean(total)


def textured(shape, noise=8., low=0, high=255):
    """Return an image of soft blobs, and the same with noise; uint8."""
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), 4)
    base = (base - base.min()) / np.ptp(base) * (high - low) + low
    return (round_to_uint8(base),
            round_to_uint8(base + rng.normal(0, noise, shape)))


def two_tones(shape):
    """Return black next to white, and the same with one level of noise."""
    image = np.zeros(shape, np.uint8)
    image[:, shape[1] // 2:] = 254
    noise = np.random.default_rng(1).integers(0, 2, shape).astype(np.uint8)
    return image, image + noise


PAIRS = {
    'texture': textured((90, 75)),
    'bright and flat': textured((83, 40), noise=3., low=249, high=255),
    'two tones': two_tones((70, 60)),
    'unrelated': (textured((40, 64))[0], textured((40, 64), 60.)[1]),
    'one window': textured((11, 11)),
}


@pytest.mark.parametrize('name', PAIRS)
def test_ssim_equals_its_definition(name):
    first, second = PAIRS[name]
    assert ssim(first, second) == pytest.approx(
        slow_ssim(first, second), abs=1e-6)


@pytest.mark.parametrize('shape', [(64, 48, 3), (139, 80, 3)])
def test_ssim_of_colours_is_the_mean_of_the_channels(shape):
    first, second = textured(shape)
    channels = [ssim(first[..., c], second[..., c]) for c in range(3)]
    assert ssim(first, second) == pytest.approx(np.mean(channels), abs=1e-12)


def test_ssim_equals_mmagic_s():
    from mmagic.evaluation import ssim as mmagic_ssim
    from mmagic.evaluation.metrics.ssim import _ssim as mmagic_plane
    first, second = textured((200, 300, 3))
    planes = [
        mmagic_plane(first[..., c].astype(float), second[..., c].astype(float))
        for c in range(3)
    ]
    assert ssim(first, second) == pytest.approx(np.mean(planes), abs=1e-6)
    # mmagic itself calls it with float32, which costs it a few digits.
    assert ssim(first, second) == pytest.approx(
        mmagic_ssim(first, second), abs=5e-5)


def test_ssim_costs_a_fraction_of_mmagic_s():
    """Compares CPU times of a 1080p frame; threads make it even faster."""
    from mmagic.evaluation import ssim as mmagic_ssim
    pair = textured((1072, 1920, 3))
    chw = [image.transpose(2, 0, 1) for image in pair]

    def seconds(function):
        best = float('inf')
        for _ in range(3):
            start = time.process_time()
            function()
            best = min(best, time.process_time() - start)
        return best

    ours = seconds(lambda: ssim(*pair))
    theirs = seconds(lambda: mmagic_ssim(*chw, input_order='CHW'))
    assert theirs > 2 * ours


def test_psnr_by_hand():
    first = np.zeros((2, 2, 3), np.uint8)
    second = first.copy()
    second[0, 0, 0] = 6  # MSE = 36 / 12
    assert psnr(first, second) == pytest.approx(10 * np.log10(255**2 / 3))


def test_psnr_of_identical_frames_is_the_largest_there_is():
    first = np.full((20, 30, 3), 7, np.uint8)
    second = first.copy()
    second[0, 0, 0] += 1
    assert psnr(first, first) == psnr(first, second)
    assert psnr(first,
                first) == pytest.approx(10 * np.log10(255**2 * first.size))


@pytest.mark.parametrize('colour, expected', [((255, 0, 0), 81.481),
                                              ((0, 255, 0), 144.553),
                                              ((0, 0, 255), 40.966),
                                              ((0, 0, 0), 16.),
                                              ((255, 255, 255), 235.)])
def test_luma_is_matlab_s(colour, expected):
    image = np.full((1, 1, 3), colour, np.uint8)
    assert luma(image)[0, 0] == pytest.approx(expected, abs=1e-9)


def test_crop_border():
    image = np.arange(30).reshape(5, 6)
    assert crop_border(image, 0).shape == (5, 6)
    assert crop_border(image, 2).tolist() == [[14, 15]]
    with pytest.raises(ValueError, match='3 pixels off a 5x6'):
        crop_border(image, 3)


@pytest.mark.parametrize('function', [psnr, ssim])
def test_other_shapes_are_refused(function):
    with pytest.raises(ValueError, match='one shape'):
        function(np.zeros((16, 16, 3)), np.zeros((16, 17, 3)))


def test_images_below_the_window_are_refused():
    with pytest.raises(ValueError, match='at least 11x11'):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))
    with pytest.raises(ValueError, match=r'\(h, w, 3\)'):
        luma(np.zeros((4, 4)))
