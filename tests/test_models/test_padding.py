# Copyright (c) DKSAN-MM contributors.
import pytest
import torch

from dksan_mm.models.padding import pad_frames, size_divisor


@pytest.mark.parametrize('size, rows', [((5, 4), [0, 1, 2, 3, 4, 3, 2, 1]),
                                        ((2, 4), [0, 1, 1, 1])])
def test_frames_are_mirrored_or_repeated_if_small(size, rows):
    frames = torch.rand(2, 3, 3, *size)
    torch.testing.assert_close(
        pad_frames(frames, 4), frames[..., rows, :], rtol=0, atol=0)


def test_fitting_frames_stay():
    frames = torch.rand(1, 3, 3, 8, 4)
    assert pad_frames(frames, 4) is frames


def test_a_network_that_names_no_divisor_takes_every_size():
    network = torch.nn.Module()
    assert size_divisor(network) == 1
    network.size_divisor = 4
    assert size_divisor(network) == 4
