# Copyright (c) DKSAN-MM contributors.
"""The eight display matrices, and rotations between them."""
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from helpers.cropped_files import add_clean_aperture, copy_video
from helpers.video_files import H264, make_video, moving

from dksan_mm.io.video import decoder
from dksan_mm.io.video.geometry import Crop, read_crop
from dksan_mm.io.video.readers import open_source
from dksan_mm.prepare.sources import Clip, iter_frames

# (a, b, c, d): a stored point (x, y) is shown at (a x + c y, b x + d y).
MATRICES = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
            (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0)]


def show(image, matrix):
    """Put each pixel where the matrix states, one by one."""
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
        f'{path} has a rotation that is no right angle: it is turned to the '
        'nearest one'
    ] * slanted
    np.testing.assert_array_equal(frame.image, show(stored(path)[0], nearest))


def make_cropped(path, matrix=MATRICES[0], size=(40, 30)):
    """Make a video without its first 12 rows, 10 columns, and the last."""
    video = make_video(path.with_suffix('.mp4'), moving(3, (48, 64)), **H264)
    set_matrix(video, matrix)
    add_clean_aperture(video, size, (Fraction(-2), Fraction(3)))
    return video if path.suffix == '.mp4' else copy_video(video, path)


@pytest.mark.parametrize('name, matrix', [('v.mp4', MATRICES[0]),
                                          ('v.mp4', MATRICES[5]),
                                          ('v.mkv', MATRICES[0])])
def test_what_a_header_crops_is_not_shown(tmp_path, name, matrix):
    path = make_cropped(tmp_path / name, matrix)
    wanted = [show(image[12:42, 10:50], matrix) for image in stored(path)]
    source = open_source(path)
    np.testing.assert_array_equal([f.image for f in source], wanted)
    prepared = [load() for _, load in iter_frames(Clip('v', 'train', path))]
    np.testing.assert_array_equal([i[..., ::-1] for i in prepared], wanted)
    assert source.notes == source.complaints == []


@pytest.mark.parametrize('edges', [(0, 64, 0, 0), (0, 0, 30, 18)])
def test_a_crop_to_nothing_is_not_applied(tmp_path, edges, monkeypatch):
    """FFmpeg's own demuxers do not let any pass."""
    path = make_video(tmp_path / 'v.mp4', moving(2, (48, 64)), **H264)
    monkeypatch.setattr(decoder, 'read_crop', lambda *_: Crop(*edges))
    source = open_source(path)
    assert [frame.image.shape for frame in source] == [(48, 64, 3)] * 2
    assert source.notes == [
        f'{path}: its header crops all pixels: it is not applied'
    ]


def test_the_crop_is_that_of_the_stream(tmp_path):
    """The second of two streams is cropped; the first is larger."""
    large = make_video(tmp_path / 'l.mkv', moving(3, (96, 64)), **H264)
    small = make_cropped(tmp_path / 's.mkv')
    path = str(tmp_path / 'two.mkv')
    with av.open(path, 'w') as target, av.open(large) as first, \
            av.open(small) as second:
        copies = [
            target.add_stream_from_template(source.streams[0])
            for source in (first, second)
        ]
        copies[0].disposition = Disposition(0)
        copies[1].disposition = Disposition.default
        for source, copy in zip((first, second), copies):
            for packet in source.demux():
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
    assert next(iter(open_source(path))).image.shape == (30, 40, 3)
    with av.open(path) as container:
        assert read_crop(container, container.streams[0]) == Crop()
        assert read_crop(container,
                         container.streams[1]) == Crop(10, 14, 12, 6)
