# Copyright (c) DKSAN-MM contributors.
"""Directories that describe a part of a TIFF file as a grey image."""
import cv2
import numpy as np
import pytest
from helpers.image_files import tiff

from dksan_mm.io.deep_tiff import read_tags
from dksan_mm.io.tiff_planes import (COMPRESSION, PREDICTOR, TILE_WIDTH,
                                     read_pairs, read_planes)

VALUES = np.random.default_rng(0).integers(0, 65536, (5, 6, 3), np.uint16)


def read(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize('order', ['<', '>'])
def test_stored_values(order):
    content = tiff(VALUES, 2, planar=2, order=order)
    found = read_planes(content, read_tags(content), read)
    np.testing.assert_array_equal(found, VALUES)
    content = tiff(VALUES[..., :2], 1, extra=2, order=order)
    found = read_pairs(content, read_tags(content), read)
    np.testing.assert_array_equal(found, VALUES[..., :2])


def test_differences_restart_in_each_tile():
    content = tiff(VALUES[..., :2], 1, extra=2)
    tags = dict(read_tags(content)) | {
        COMPRESSION: 8,
        PREDICTOR: 2,
        TILE_WIDTH: 4
    }
    steps = VALUES[..., :2].copy()
    for column in 5, 3, 2, 1:  # tiles of four and of two columns
        steps[:, column] -= steps[:, column - 1]
    found = read_pairs(content, tags, lambda _: steps.reshape(5, 12))
    np.testing.assert_array_equal(found, VALUES[..., :2])


def test_bigtiff_files_are_refused():
    content = tiff(VALUES, 2, planar=2)
    with pytest.raises(ValueError, match='a BigTIFF file.* save it as PNG'):
        read_planes(b'II+\0' + content[4:], read_tags(content), read)
