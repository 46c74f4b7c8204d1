# Copyright (c) DKSAN-MM contributors.
"""Bilinear reads as sums of four rows, against the numpy definition."""
import numpy as np
import pytest
import torch
from helpers import op_reference
from torch.testing import assert_close

from dksan_mm.ops.bags import ImageReader, from_planes, planes, read_scope
from dksan_mm.ops.checks import Geometry

IMAGES = torch.randn(2, 4, 5, 3, dtype=torch.float64)


def geometry(groups=1):
    return Geometry((3, 3), (1, 1), (1, 1), (1, 1), 4, (2, 5, 3), groups)


def pixel_rows(images):
    rows = images.permute(0, 2, 3, 1).flatten(0, 2)
    return torch.cat([rows, rows.new_zeros(1, rows.shape[1])])


def read_one(image, row, col):
    """Read all channels of an image at one position."""
    _, h, w = image.shape
    return sum(weight * image[:, y, x] for y, x, weight, *_ in
               op_reference.image_corners(row, col, h, w)) \
        + torch.zeros(len(image), dtype=image.dtype)


def test_planes_and_back():
    tensor = torch.randn(2, 6, 5, 3)
    split = planes(tensor, 2)
    assert split.shape == (3, 2, 30)
    assert_close(split[1, 0, 15:], tensor[1, 2].flatten(), rtol=0, atol=0)
    assert_close(from_planes(split, tensor), tensor, rtol=0, atol=0)
    assert planes(torch.randn(0, 6, 5, 3), 2).shape == (3, 2, 0)


@pytest.mark.parametrize('groups', [1, 2])
def test_images_are_read_where_the_taps_lie(groups):
    offset = 2 * torch.randn(2, 18 * groups, 5, 3, dtype=torch.float64)
    band = slice(11, 19)  # the end of one image and the start of the next
    reader = ImageReader(band,
                         planes(offset, 2)[..., band], None, (5, 3),
                         geometry(groups), IMAGES)
    values = reader.read(pixel_rows(IMAGES), 0)
    assert values.shape == (groups, 9, 8, 4 // groups)
    for group, tap, place in np.ndindex(groups, 9, 8):
        number, pixel = divmod(11 + place, 15)
        row, col = divmod(pixel, 3)
        moved = offset[number].unflatten(0, (groups, 9, 2))
        dy, dx = moved[group, tap, :, row, col].tolist()
        expected = read_one(IMAGES[number].chunk(groups)[group],
                            row - 1 + tap // 3 + dy, col - 1 + tap % 3 + dx)
        assert_close(values[group, tap, place], expected)


def test_a_band_reads_the_lines_that_it_says():
    offset = torch.zeros(2, 18, 5, 3, dtype=torch.float64)
    band = slice(6, 12)  # lines 2 and 3 of the first image
    reader = ImageReader(band,
                         planes(offset, 2)[..., band], None, (5, 3),
                         geometry(), IMAGES)
    lines = reader.lines()
    assert (lines.start, lines.stop) == (1, 5)
    rows = pixel_rows(IMAGES)
    some = torch.cat([rows[3:15], rows[-1:]])
    assert torch.equal(reader.read(some, 1), reader.read(rows, 0))


@pytest.mark.parametrize('scope', [1, 2, 3, 4])
def test_the_scope_is_read_where_the_taps_lie(scope):
    weight = torch.randn(4, 1, scope, scope, dtype=torch.float64)
    offset = 2 * torch.randn(9, 2, 5, dtype=torch.float64)
    values = read_scope(weight, offset, geometry())
    assert values.shape == (9, 5, 4)
    for tap, place in np.ndindex(9, 5):
        row, col = (min(max(at + (scope - 3) / 2 + move, 0), scope - 1)
                    for at, move in zip(
                        divmod(tap, 3), offset[tap, :, place].tolist()))
        assert_close(values[tap, place], read_one(weight[:, 0], row, col))


def test_a_nan_reads_nothing_but_nans():
    offset = torch.full((9, 2, 5), torch.nan, dtype=torch.float64)
    weight = torch.randn(4, 1, 4, 4, dtype=torch.float64)
    assert read_scope(weight, offset, geometry()).isnan().all()
