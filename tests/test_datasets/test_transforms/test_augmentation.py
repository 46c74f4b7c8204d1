# Copyright (c) DKSAN-MM contributors.
from itertools import permutations

import numpy as np
import pytest

from dksan_mm.datasets import RandomPermuteChannels


def image(seed):
    return np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)


def test_all_images_get_one_order_of_channels():
    frames = [image(seed) for seed in range(3)]
    step, orders = RandomPermuteChannels(['img', 'gt'], 1.), set()
    np.random.seed(0)
    for _ in range(100):
        out = step(dict(img=list(frames), gt=frames[0] // 2, other=5))
        order = [
            int(
                np.argmax((frames[0] // 2 == out['gt'][..., k, None]).all(
                    (0, 1)))) for k in range(3)
        ]
        orders.add(tuple(order))
        np.testing.assert_array_equal(out['gt'], frames[0][..., order] // 2)
        for picture, frame in zip(out['img'], frames):
            np.testing.assert_array_equal(picture, frame[..., order])
            assert picture.flags.c_contiguous
        assert out['other'] == 5
    assert orders == set(permutations(range(3)))


def test_channels_keep_their_order_as_often_as_is_said():
    frame = image(0)
    step = RandomPermuteChannels(['img'], 0.)
    assert all(step(dict(img=[frame]))['img'][0] is frame for _ in range(20))
    for ratio in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f'ratio .*got {ratio}'):
            RandomPermuteChannels(['img'], ratio)
