# Copyright (c) DKSAN-MM contributors.
"""The eight display matrices, and what is between them."""
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.video_files import H264, make_video, moving

from dksan_mm.io.video.readers import open_source
from dksan_mm.prepare.sources import Clip, iter_frames

# (a, b, c, d): a stored point (x, y) is shown at (a x + c y, b x + d y).
MATRICES = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
            (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0)]


def show(image, matrix):
    """Put each pixel where the matrix says, one by one."""
    a, b, c, d = matrix
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w]
    x, y = a * x + c * y, b * x + d * y
    x, y = x - x.min(), y - y.min()
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = image
    return shown


def set_matrix(path, matrix):
    content = bytearray(Path(path).read_bytes())
    start = content.find(b'tkhd') + 44  # of version 0
    a, b, c, d = (round(value * 65536) for value in matrix)
    content[start:start + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0,
                                            1 << 30)
    Path(path).write_bytes(content)


def stored(path):
    with av.open(path) as container:
        return [
            frame.to_ndarray(
                format='rgb24', interpolation=0x4 | 0x2000 | 0x4000 | 0x40000)
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize('matrix', MATRICES)
def test_all_display_matrices(tmp_path, matrix):
    path = make_video(
        tmp_path / 'v.mp4', moving(3), aspect=Fraction(4, 3), **H264)
    set_matrix(path, matrix)
    wanted = [show(image, matrix) for image in stored(path)]
    source = open_source(path)
    np.testing.assert_array_equal([f.image for f in source], wanted)
    turned = matrix[0] == 0
    assert source.sample_aspect == (
        Fraction(3, 4) if turned else Fraction(4, 3))
    prepared = [load() for _, load in iter_frames(Clip('c', '', path))]
    np.testing.assert_array_equal([f[..., ::-1] for f in prepared], wanted)


@pytest.mark.parametrize('matrix, nearest, slanted', [
    ((0.98, 0.17, -0.17, 0.98), (1, 0, 0, 1), True),
    ((0.17, 0.98, -0.98, 0.17), (0, 1, -1, 0), True),
    ((0.0001, 1, -1, 0.0001), (0, 1, -1, 0), False),
    ((-2, 0, 0, 2), (-1, 0, 0, 1), False),
])
def test_other_angles_and_sizes_count_as_the_nearest(tmp_path, matrix, nearest,
                                                     slanted):
    path = make_video(tmp_path / 'v.mp4', moving(1), **H264)
    set_matrix(path, matrix)
    source = open_source(path)
    [frame] = source
    assert source.notes == [
        f'{path} is to be shown at a slant: it is turned to the nearest right '
        'angle'
    ] * slanted
    np.testing.assert_array_equal(frame.image, show(stored(path)[0], nearest))
