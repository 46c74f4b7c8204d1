# Copyright (c) DKSAN-MM contributors.
import base64

import cv2
import numpy as np
import pytest

from dksan_mm.comparison.pictures import (Panel, choose_crop, encode_panels,
                                          make_panels)
from dksan_mm.utils.resize import matlab_resize


def most_different(images, side):
    """Find the top and left of the best square by trying all of them."""
    grey = [cv2.cvtColor(i, cv2.COLOR_BGR2GRAY).astype(float) for i in images]
    spread = np.var(grey, axis=0)
    places = [(spread[top:top + side, left:left + side].mean(), top, left)
              for top in range(spread.shape[0] - side + 1)
              for left in range(spread.shape[1] - side + 1)]
    return max(places)[1:]


@pytest.mark.parametrize('count', [2, 3])
@pytest.mark.parametrize('size', [(40, 61), (70, 40)])
def test_the_crop_is_where_images_differ_most(rng_images, count, size):
    images = rng_images(count, size)
    top, left, height, width = choose_crop(images, 16)
    assert (height, width) == (16, 16)
    assert (top, left) == most_different(images, 16)


@pytest.fixture
def rng_images():
    """Return a function for noise whose amplitude varies over the frame."""
    rng = np.random.default_rng(1)

    def make(count, size):
        return [
            rng.integers(0, 255, (*size, 3)).astype(np.uint8)
            for _ in range(count)
        ]

    return make


@pytest.mark.parametrize('size, side', [((720, 1280), 256), ((160, 160), 80),
                                        ((96, 48), 48), ((16, 320), 16)])
def test_equal_images_give_the_middle(size, side):
    image = np.zeros((*size, 3), np.uint8)
    assert choose_crop([image, image]) == ((size[0] - side) // 2,
                                           (size[1] - side) // 2, side, side)


def decode(url):
    head, _, content = url.partition(',')
    assert head == 'data:image/webp;base64'
    buffer = np.frombuffer(base64.b64decode(content), np.uint8)
    return cv2.imdecode(buffer, cv2.IMREAD_COLOR)


def test_crops_are_lossless_and_frames_fit_the_budget(rng_images):
    images = rng_images(2, (320, 640))
    box = (10, 20, 64, 64)
    panels = [
        Panel('LR', images[0], kind='LR', block=16),
        Panel('m', images[1], 20.)
    ]
    sizes = []
    for budget in (3_000_000, 150_000, 90_000):
        assert encode_panels(panels, box, budget)
        urls = [url for p in panels for url in (p.frame, p.crop)]
        sizes.append(sum(map(len, urls)))
        assert sizes[-1] <= budget
        for panel in panels:
            assert np.array_equal(
                decode(panel.crop), panel.image[10:74, 20:84])
    assert sizes[0] > sizes[1] > sizes[2]
    assert np.array_equal(decode(panels[0].frame), images[0][::16, ::16])


def test_what_does_not_fit_stays_empty(rng_images):
    panels = [Panel('m', rng_images(1, (64, 64))[0], 20.)]
    assert not encode_panels(panels, (0, 0, 32, 32), 1000)
    assert (panels[0].frame, panels[0].crop) == ('', '')


@pytest.mark.parametrize('with_bicubic', [True, False])
def test_panels_are_in_order_with_their_psnr(tmp_path, rng_images,
                                             with_bicubic):
    truth, ours = rng_images(2, (32, 48))
    lr = matlab_resize(truth, 1 / 16)
    paths = []
    for name, image in (('lr', lr), ('hr', truth), ('m', ours)):
        paths.append(str(tmp_path / f'{name}.png'))
        assert cv2.imwrite(paths[-1], image)
    panels = make_panels(
        *paths[:2], {'m': paths[2]}, with_bicubic=with_bicubic)
    titles = ['LR', 'bicubic', 'm', 'HR'
              ] if with_bicubic else ['LR', 'm', 'HR']
    assert [panel.title for panel in panels] == titles
    assert all(panel.image.shape == (32, 48, 3) for panel in panels)
    error = ((truth.astype(float) - ours)**2).mean()
    assert panels[-2].psnr == pytest.approx(10 * np.log10(255**2 / error))
    assert panels[0].psnr is panels[-1].psnr is None
