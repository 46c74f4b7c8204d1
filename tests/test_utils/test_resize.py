# Copyright (c) DKSAN-MM contributors.
"""Resizing, compared with hand calculation, loops, mmagic and torch."""
import math

import numpy as np
import pytest
import torch
from helpers.data_fixtures import sample_frames
from mmagic.datasets.transforms import MATLABLikeResize

from dksan_mm.utils.resize import (bicubic_weights, cubic_kernel,
                                   lanczos_resize, matlab_resize, to_uint8)


def test_kernel_by_hand():
    # a = -0.5: 1.5 |x|^3 - 2.5 |x|^2 + 1, and beyond 1
    # -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2.
    values = cubic_kernel(np.array([0, .25, -.75, 1, 1.25, -1.75, 2, 3]))
    assert values.tolist() == [
        1, .8671875, .2265625, 0, -.0703125, -.0234375, 0, 0
    ]


def test_weights_by_hand_enlarging():
    # x2, output 2 lies at (2 + .5) / 2 - .5 = .75; tap -1 is tap 0 again.
    row = bicubic_weights(4, 8, 2)[2]
    assert row.tolist() == [.2265625 - .0234375, .8671875, -.0703125, 0]


def test_weights_by_hand_shrinking():
    # x1/2, output 0 lies at .5; half weights at half distances. Taps -1, -2,
    # -3 are 0, 1, 2 again, tap 4 is tap 3 again.
    near = np.array([.8671875, .2265625, -.0703125, -.0234375]) / 2
    expected = [
        near[0] + near[1], near[0] + near[2], near[1] + near[3],
        near[2] + near[3]
    ]
    assert bicubic_weights(4, 2, .5)[0].tolist() == expected


def imresize_loops(img, scale):
    """Run MATLAB's published algorithm, sample by sample, 1-based."""
    for axis in (0, 1):
        img = np.moveaxis(img, axis, 0)
        size = len(img)
        out = np.zeros((math.ceil(size * scale), ) + img.shape[1:])
        shrink = min(scale, 1)
        width = 4 / shrink
        for row in range(1, len(out) + 1):
            u = row / scale + .5 * (1 - 1 / scale)
            left = math.floor(u - width / 2)
            total = 0.
            for tap in range(left, left + math.ceil(width) + 2):
                x = abs(shrink * (u - tap))
                if x >= 2:
                    continue
                weight = (1.5 * x**3 - 2.5 * x**2 +
                          1 if x <= 1 else -.5 * x**3 + 2.5 * x**2 - 4 * x + 2)
                mirror = list(range(size)) + list(range(size - 1, -1, -1))
                out[row - 1] += weight * img[mirror[(tap - 1) % (2 * size)]]
                total += weight
            out[row - 1] /= total
        img = np.moveaxis(out, 0, axis)
    return img


@pytest.mark.parametrize('size', [(48, 64), (17, 35), (16, 1), (3, 50)])
@pytest.mark.parametrize('scale', [1 / 16, 1 / 4, .7, 2, 16])
def test_equal_to_the_published_algorithm_in_loops(size, scale):
    img = np.random.rand(*size, 3) * 255
    np.testing.assert_allclose(
        matlab_resize(img, scale), imresize_loops(img, scale), atol=1e-10)


@pytest.mark.parametrize('scale', [1 / 16, 1 / 4, 2.])
def test_equal_to_mmagic_but_for_its_float32(scale):
    img = sample_frames('val', 'puppy-grass', 1, (96, 160))[0]
    theirs = MATLABLikeResize(
        keys=['img'], scale=scale)._resize(img.astype(np.float64))
    ours = matlab_resize(img.astype(np.float64), scale)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_equal_to_torch_s_antialiased_bicubic_off_the_borders():
    # torch drops the taps outside instead of mirroring them.
    img = torch.rand(1, 3, 160, 192, dtype=torch.float64)
    theirs = torch.nn.functional.interpolate(
        img, scale_factor=1 / 16, mode='bicubic', antialias=True)[0]
    ours = matlab_resize(img[0].permute(1, 2, 0).numpy(), 1 / 16)
    inside = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(
        ours[inside], theirs.permute(1, 2, 0).numpy()[inside], atol=1e-6)


def test_within_one_grey_level_of_rounding_between_the_axes():
    # What MATLAB does when it is given a uint8 image.
    img = sample_frames('val', 'dashcam-highway', 1, (320, 480))[0]
    rows = to_uint8(
        np.tensordot(bicubic_weights(320, 20, 1 / 16), img, axes=1))
    both = to_uint8(
        np.tensordot(
            rows.swapaxes(1, 2).astype(float),
            bicubic_weights(480, 30, 1 / 16).T,
            axes=1))
    apart = np.abs(
        matlab_resize(img, 1 / 16) - both.swapaxes(1, 2).astype(int))
    assert apart.max() == 1 and apart.mean() < .3


def test_uint8_is_rounded_and_clipped():
    # A step makes bicubic overshoot: unclipped it would wrap around.
    img = np.zeros((8, 8), np.uint8)
    img[:, 4:] = 255
    exact = matlab_resize(img.astype(float), 2)
    out = matlab_resize(img, 2)
    assert exact.min() < -1 and exact.max() > 256
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(
        out,
        np.clip(np.floor(exact + .5), 0, 255).astype(np.uint8))


def test_to_uint8_rounds_halves_up():
    values = np.array([-3.3, -.5, .4, .5, 1.5, 254.5, 258.3])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 2, 255, 255]


@pytest.mark.parametrize('scale', [1 / 16, 2, 16])
def test_flat_images_stay_flat(scale):
    img = np.full((32, 48, 3), 201, np.uint8)
    assert (matlab_resize(img, scale) == 201).all()


@pytest.mark.parametrize('img, error, match', [
    (np.zeros((4, 4), np.int32), TypeError, 'int32'),
    (np.zeros(4), ValueError, r'\(4,\)'),
    (np.zeros((0, 4)), ValueError, r'\(0, 4\)'),
])
def test_wrong_images_are_named(img, error, match):
    with pytest.raises(error, match=match):
        matlab_resize(img, .5)


@pytest.mark.parametrize('sizes', [(0, 4, 2), (4, 0, 2), (4, 8, 0)])
def test_wrong_sizes_are_named(sizes):
    with pytest.raises(ValueError, match='must be positive'):
        bicubic_weights(*sizes)


def test_lanczos_is_the_sum_over_taps():
    """Each axis by the definition, downscaled and upscaled."""
    img = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)

    def slow(values, size):
        scale = size / len(values)
        shrink = min(scale, 1.)
        out = []
        for i in range(size):
            centre = (i + 0.5) / scale - 0.5
            total, weights = 0., 0.
            for tap in range(-60, 60):
                x = shrink * (centre - tap)
                if abs(x) < 3:
                    weight = np.sinc(x) * np.sinc(x / 3)
                    place = tap % (2 * len(values))
                    place = min(place, 2 * len(values) - 1 - place)
                    total += weight * values[place].astype(float)
                    weights += weight
            out.append(total / weights)
        return np.stack(out)

    wanted = slow(slow(img, 4).swapaxes(0, 1), 20).swapaxes(0, 1)
    wanted = np.clip(np.floor(wanted + 0.5), 0, 255)
    assert np.array_equal(lanczos_resize(img, 4, 20), wanted)


def test_lanczos_of_the_same_size_is_the_image():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert lanczos_resize(img, 2, 4) is img
    with pytest.raises(ValueError, match='out_size=0'):
        lanczos_resize(img, 0, 4)
