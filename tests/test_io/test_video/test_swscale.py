# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
from helpers.color_frames import WEIGHTS, centers, encode, patches

from dksan_mm.io.video.pixels import PixelReader
from dksan_mm.io.video.swscale import to_yuv


@pytest.mark.parametrize('matrix', WEIGHTS)
def test_coding_an_image(matrix):
    rgb = np.rint(patches(1) * 255).astype(np.uint8)
    side = 32
    frame = to_yuv(rgb.repeat(side, 0).repeat(side, 1), matrix)
    assert frame.format.name == 'yuv420p' and frame.color_range == 1
    for plane, wanted in zip(frame.planes, encode(rgb / 255, matrix, False,
                                                  8)):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        rows = centers(rows[:, :plane.width],
                       side * plane.width // frame.width)
        assert np.abs(rows.astype(int) - wanted).max() <= 1
    frame.colorspace, frame.color_range = matrix, 1
    back = centers(PixelReader('v').read(frame), side)
    assert np.abs(back.astype(int) - rgb).max() <= 3  # 8 bits of Y, Cb and Cr
    np.testing.assert_array_equal(back[0], rgb[0])  # greys


@pytest.mark.parametrize('axis, place', [(1, 0), (0, 0.5)])
def test_where_chroma_lies(axis, place):
    """To the left of two pixels, between two lines."""
    ramp = np.arange(256)
    image = np.zeros((256, 256, 3), np.uint8)
    image[..., 0] = ramp if axis else ramp[:, None]
    image[..., 2] = 255 - image[..., 0]
    plane = to_yuv(image, 1).planes[2]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
    rows = rows[:, :128].mean(1 - axis)
    red, blue = WEIGHTS[1]
    y = (red * ramp + blue * (255 - ramp)) / 255
    values = 128 + 224 * (ramp / 255 - y) / (2 - 2 * red)
    places = np.interp(rows, values, ramp) - 2 * np.arange(128)
    assert abs(places[8:-8].mean() - place) < 0.1
