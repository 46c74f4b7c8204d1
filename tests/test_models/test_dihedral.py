# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
import torch

from dksan_mm.models.dihedral import (TRANSFORMS, run_ensemble, transform,
                                      transform_back)


def test_the_transforms_are_the_eight_symmetries_of_a_rectangle_of_pixels():
    x = torch.arange(12.).reshape(1, 3, 4)
    expected = {(a.shape, a.tobytes())
                for image in (x[0].numpy(), x[0].flip(0).numpy())
                for a in (np.ascontiguousarray(np.rot90(image, k))
                          for k in range(4))}
    actual = set()
    for pair in TRANSFORMS:
        image = np.ascontiguousarray(transform(x, *pair)[0])
        actual.add((image.shape, image.tobytes()))
    assert actual == expected and len(actual) == 8


@pytest.mark.parametrize('pair', TRANSFORMS)
def test_transforms_are_inverted(pair):
    x = torch.rand(2, 7, 3, 4, 5)
    assert torch.equal(transform_back(transform(x, *pair), *pair), x)


def test_the_ensemble_is_the_mean_over_all_orientations():
    # A function that singles out one direction: its mean singles out none.
    def run(x):
        return x - x.roll(1, -1) + x.cumsum(-2)

    x = torch.rand(1, 3, 4, 6, dtype=torch.float64)
    expected = 0
    for k in range(4):
        for flip in (False, True):
            y = torch.rot90(x.flip(-1) if flip else x, k, (-2, -1))
            y = torch.rot90(run(y), -k, (-2, -1))
            expected = expected + (y.flip(-1) if flip else y) / 8
    torch.testing.assert_close(run_ensemble(run, x), expected)
