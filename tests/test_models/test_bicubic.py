# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
import torch

from dksan_mm.models import BicubicNet
from dksan_mm.utils.resize import matlab_resize


@pytest.mark.parametrize('size', [(5, 7), (1, 1), (3, 1)])
def test_it_is_the_centre_frame_resized_as_matlab_does(size):
    frames = torch.rand(1, 7, 3, *size, dtype=torch.float64)
    image = frames[0, 3].permute(1, 2, 0).numpy()
    expected = torch.from_numpy(np.ascontiguousarray(matlab_resize(image, 16)))
    out = BicubicNet(16)(frames)
    torch.testing.assert_close(
        out[0].permute(1, 2, 0), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('scale', [2, 4, 8])
def test_other_factors(scale):
    frames = torch.rand(1, 7, 3, 5, 4, dtype=torch.float64)
    assert torch.equal(
        BicubicNet(16)(frames, scale),
        BicubicNet(scale)(frames))
    assert BicubicNet(16).scales == (2, 4, 8, 16)
    assert BicubicNet(3).scales == (2, 3, 4, 8, 16)


def test_it_has_no_parameters():
    assert not list(BicubicNet().parameters())
