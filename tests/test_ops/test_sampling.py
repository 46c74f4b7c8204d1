# Copyright (c) DKSAN-MM contributors.
"""Pixels and cells that the taps read, and their weights."""
import pytest
import torch
import torch.nn.functional as F
from helpers import op_reference
from torch.testing import assert_close

from dksan_mm.ops.checks import Geometry
from dksan_mm.ops.sampling import (image_corners, kernel_at_rest, per_pixel,
                                   scope_matrix)

X = torch.zeros(2, 1, 3, 4, dtype=torch.float64)
GEOMETRY = Geometry((1, 1), (1, 1), (0, 0), (1, 1), 1, (2, 3, 4))


def test_channels_become_taps_of_each_pixel():
    tensor = torch.arange(2 * 6 * 1 * 2).view(2, 6, 1, 2)
    found = per_pixel(tensor, 2)
    assert found.shape == (4, 3, 2)
    assert found[1].tolist() == [[1, 3], [5, 7], [9, 11]]
    assert per_pixel(None, 2) is None


@pytest.mark.parametrize('dy, dx', [(0., 0.), (.25, -.5), (-1.5, 2.), (9., 0.),
                                    (1e30, -1e30), (-1., 0.)])
def test_an_image_is_read_between_four_pixels(dy, dx):
    number, row, col = 17, 1, 1  # of the second image
    offset = torch.tensor([[[dy, dx]]], dtype=torch.float64)
    index, weight = image_corners(torch.tensor([number]), offset, X, GEOMETRY)
    assert index.shape == weight.shape == (1, 1, 4)
    found = torch.zeros(25, dtype=torch.float64)
    found.index_add_(0, index.flatten(), weight.flatten())
    expected = torch.zeros(2, 3, 4, dtype=torch.float64)
    for corner in op_reference.image_corners(row + dy, col + dx, 3, 4):
        expected[1, corner.row, corner.col] += corner.value
    # What lies outside is read from a row of zeros, the last.
    assert_close(found[:24], expected.flatten(), rtol=0, atol=1e-15)


@pytest.mark.parametrize('position', [(0., 0.), (.25, 1.5), (-3., 9.)])
def test_a_scope_is_read_between_four_cells(position):
    offset = torch.tensor([[position]], dtype=torch.float64)
    matrix = scope_matrix(offset, 4, GEOMETRY).view(4, 4)
    expected = torch.zeros(4, 4, dtype=torch.float64)
    # A kernel of one tap rests in the middle of the scope.
    for corner in op_reference.kernel_corners(*(1.5 + p for p in position), 4):
        expected[corner.row, corner.col] += corner.value
    assert_close(matrix, expected, rtol=0, atol=1e-15)
    assert matrix.sum() == 1


def test_at_rest_a_scope_of_four_is_means_of_2x2_cells():
    weight = torch.randn(5, 2, 4, 4, dtype=torch.float64)
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), 1, (1, 3, 4))
    assert_close(
        kernel_at_rest(weight, geometry),
        F.avg_pool2d(weight, 2, 1),
        rtol=0,
        atol=1e-15)
