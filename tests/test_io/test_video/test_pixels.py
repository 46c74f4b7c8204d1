# Copyright (c) DKSAN-MM contributors.
"""Pixels of many formats, against H.273's definitions in float64."""
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from helpers.color_frames import (WEIGHTS, YCGCO, centers, decode, encode,
                                  make_frame, patches)

from dksan_mm.io.video.color import Color, read_coding
from dksan_mm.io.video.pixels import PixelReader


def read(frame, **kwargs):
    reader = PixelReader('v.mkv', **kwargs)
    reader.begin(frame)
    return centers(reader.read(frame)), reader


@pytest.mark.parametrize('matrix', [*WEIGHTS, YCGCO])
@pytest.mark.parametrize('full', [False, True])
@pytest.mark.parametrize('name, bits',
                         [('yuv420p', 8), ('yuv422p', 8), ('yuv444p', 8),
                          ('yuv420p10le', 10), ('yuv422p10le', 10),
                          ('yuv444p10le', 10), ('yuv444p12le', 12),
                          ('yuv420p16le', 16)])
def test_all_matrices_are_exact(name, bits, full, matrix):
    planes = encode(patches(), matrix, full, bits)
    frame = make_frame(
        name, planes, colorspace=matrix, color_range=2 if full else 1)
    image, reader = read(frame, keep_color=True)
    apart = np.abs(image - decode(planes, matrix, full, bits))
    assert apart.max() < 0.56  # what rounding leaves is 0.5
    np.testing.assert_array_equal(image[0, [0, -1]], [[0] * 3, [255] * 3])
    assert reader.notes == []


def test_an_image_is_turned_about_for_opencv():
    frame = make_frame('yuv420p', encode(patches(), 1, False, 8), colorspace=1)
    deep = make_frame(
        'yuv444p10le',
        encode(patches(), 1, True, 10),
        colorspace=1,
        color_range=2)
    for f in (frame, deep):
        reader = PixelReader('v.mkv')
        np.testing.assert_array_equal(
            reader.read(f, 'bgr24'),
            reader.read(f)[..., ::-1])


@pytest.mark.parametrize('size, matrix', [((320, 180), 5), ((720, 576), 5),
                                          ((1278, 718), 5), ((1280, 534), 1),
                                          ((960, 720), 1), ((1920, 1080), 1)])
def test_without_tags_the_size_tells_the_matrix(size, matrix):
    planes = [np.full((1, 1), value, np.uint8) for value in (98, 107, 206)]
    frame = av.VideoFrame(*size, 'yuv420p')
    for plane, value in zip(frame.planes, planes):
        plane.update(bytes([value[0, 0]]) * plane.buffer_size)
    assert read_coding(frame) == (matrix, False)
    image = PixelReader('v.mkv').read(frame)
    wanted = decode(planes, matrix, False, 8)[0, 0]
    assert np.abs(image - wanted).max() < 0.56


def test_full_range_of_jpeg():
    planes = encode(patches(), 5, True, 8)
    image, _ = read(make_frame('yuvj420p', planes))
    assert np.abs(image - decode(planes, 5, True, 8)).max() < 0.56


@pytest.mark.parametrize('name, kind, top, full',
                         [('gray', np.uint8, 255, True),
                          ('gray', np.uint8, 255, False),
                          ('gray10le', np.uint16, 1023, True),
                          ('gray10le', np.uint16, 1023, False),
                          ('gray12le', np.uint16, 4095, False),
                          ('gray16le', np.uint16, 65535, True),
                          ('grayf32le', np.float32, 1, True)])
def test_grey(name, kind, top, full):
    grey = np.linspace(0, 1, 8)[None]
    step = (top + 1) / 256
    numbers = grey * top if full else (16 + 219 * grey) * step
    plane = numbers.astype(kind) if top == 1 else np.rint(numbers).astype(kind)
    frame = make_frame(name, [plane])
    if not full:
        frame.color_range = 1
    wanted = plane / top if full else (plane / step - 16) / 219
    image, _ = read(frame)
    apart = np.abs(image - 255 * np.float64(wanted)[..., None])
    assert apart.max() <= 0.5001


@pytest.mark.parametrize('name, bits', [('gbrp', 8), ('gbrp10le', 10),
                                        ('gbrp12le', 12), ('gbrp16le', 16)])
def test_rgb_planes(name, bits):
    top = 2**bits - 1
    kind = np.uint8 if bits == 8 else np.uint16
    rgb = np.rint(patches() * top).astype(kind)
    frame = make_frame(name, [rgb[..., n] for n in (1, 2, 0)])
    image, _ = read(frame)
    assert np.abs(image - rgb * (255 / top)).max() <= 0.5001


@pytest.mark.parametrize('name, kind, top', [('rgb24', np.uint8, 255),
                                             ('rgb48le', np.uint16, 65535)])
def test_rgb_is_not_touched_by_tags_of_yuv(name, kind, top):
    rgb = np.rint(patches() * top).astype(kind)
    frame = make_frame(name, [rgb], colorspace=5)
    image, _ = read(frame)
    assert np.abs(image - rgb * (255 / top)).max() <= 0.5001


@pytest.mark.parametrize('name, bits', [('yuva420p', 8), ('yuva444p10le', 10),
                                        ('yuva444p12le', 12)])
def test_alpha_of_yuv_is_shown_over_black(name, bits):
    planes = encode(patches(), 1, False, bits)
    alpha = np.linspace(0, 2**bits - 1, 32).reshape(4, 8)
    alpha = np.rint(alpha).astype(planes[0].dtype)
    frame = make_frame(name, [*planes, alpha], colorspace=1, color_range=1)
    image, reader = read(frame)
    wanted = decode(planes, 1, False, bits) * (
        alpha[..., None] / (2.0**bits - 1))
    assert np.abs(image - wanted).max() < 1.1  # rounded twice
    assert reader.notes == [
        'v.mkv has transparent pixels: they are shown over black'
    ]


@pytest.mark.parametrize('name, kind, top, order', [
    ('rgba', np.uint8, 255, [0, 1, 2, 3]),
    ('bgra', np.uint8, 255, [2, 1, 0, 3]),
    ('argb', np.uint8, 255, [3, 0, 1, 2]),
    ('rgba64le', np.uint16, 65535, [0, 1, 2, 3]),
    ('ya8', np.uint8, 255, None),
])
@pytest.mark.parametrize('opaque', [False, True])
def test_alpha_of_rgb_is_shown_over_black(name, kind, top, order, opaque):
    alpha = np.ones((4, 8)) if opaque else np.linspace(0, 1, 32).reshape(4, 8)
    rgb = patches() if order else patches()[:1, :, :1].repeat(4, 0)
    values = np.concatenate([rgb, alpha[..., None]], -1)
    values = np.rint(values * top).astype(kind)
    frame = make_frame(name, [values[..., order] if order else values])
    image, reader = read(frame)
    wanted = values[..., :-1] * (values[..., -1:] * (255 / top / top))
    assert np.abs(image - wanted).max() < (0.51 if opaque else 1.1)
    assert bool(reader.notes) != opaque


@pytest.mark.parametrize('matrix, name', [(10, 'constant luminance'),
                                          (14, 'ICtCp'), (200, 'number 200')])
def test_a_matrix_that_is_not_known_is_named(matrix, name):
    planes = encode(patches(), 1, False, 8)
    frame = make_frame('yuv420p', planes, colorspace=matrix)
    with pytest.raises(ValueError, match=f'v.mkv: .*matrix.*{name}'):
        PixelReader('v.mkv').read(frame)


def test_a_matrix_of_the_primaries():
    """Number 12, with BT.709's primaries, is nearly BT.709's matrix."""
    planes = encode(patches(), 1, False, 8)
    frame = make_frame(
        'yuv420p', planes, colorspace=12, color_primaries=1, color_range=1)
    image, _ = read(frame)
    assert np.abs(image - decode(planes, 1, False, 8)).max() < 0.6


def test_a_format_that_nothing_converts_is_named():
    frame = av.VideoFrame(16, 16, 'gbrpf16le')
    with pytest.raises(ValueError, match='v.mkv: .*format gbrpf16le'):
        PixelReader('v.mkv').read(frame)


SMPTE_C_TO_BT709 = np.array([[0.9395, 0.0502, 0.0103],
                             [0.0178, 0.9658, 0.0164],
                             [-0.0016, -0.0044, 1.0060]])


def test_colours_are_kept_for_videos_and_converted_for_pictures():
    planes = encode(patches(), 6, False, 8)
    tags = dict(colorspace=6, color_primaries=6, color_trc=6, color_range=1)
    plain = decode(planes, 6, False, 8)
    image, reader = read(
        make_frame('yuv420p', planes, **tags), keep_color=True)
    assert reader.color == Color(6, 6) and reader.color.matrix == 6
    assert np.abs(image - plain).max() < 0.56 and reader.notes == []
    image, reader = read(make_frame('yuv420p', planes, **tags))
    light = (plain / 255)**2.4 @ SMPTE_C_TO_BT709.T
    wanted = 255 * light.clip(0, 1)**(1 / 2.4)
    inside = (light > 0.002).all(-1)
    assert inside.sum() > 15
    assert np.abs(image - wanted)[inside].max() < 1.5
    assert reader.color == Color()
    [note] = reader.notes
    assert note == ('v.mkv has colours of SMPTE 170M: they are converted to '
                    'BT.709')


@pytest.mark.parametrize('keep_color', [False, True])
@pytest.mark.parametrize('transfer, name', [(16, 'PQ'), (18, 'HLG')])
def test_hdr_becomes_bt709_everywhere(transfer, name, keep_color):
    grey = np.repeat(np.linspace(0, 1, 8)[None, :, None], 3, 2)
    planes = encode(grey, 9, False, 10)
    frame = make_frame(
        'yuv420p10le',
        planes,
        colorspace=9,
        color_primaries=9,
        color_trc=transfer,
        color_range=1)
    image, reader = read(frame, keep_color=keep_color)
    assert reader.color == Color()
    assert (image == image[..., :1]).all()  # neutral
    values = image[0, :, 0].astype(int)
    assert values[0] == 0 and values[-1] == 255
    assert (np.diff(values) >= 0).all() and (np.diff(values[:5]) > 10).all()
    [note] = reader.notes
    assert note == (f'v.mkv is HDR ({name}): it is tone-mapped to BT.709, '
                    'from 1000 cd/m2')


def test_dolby_vision_without_a_base_is_refused():
    """Its colours are in no tag, only in metadata of each frame."""
    frame = make_frame('yuv420p', encode(patches(), 1, False, 8))
    names = ('format', 'colorspace', 'color_range', 'color_primaries',
             'color_trc', 'width', 'height')
    tagged = SimpleNamespace(
        side_data=[SimpleNamespace(type=Type.DOVI_METADATA)],
        **{name: getattr(frame, name)
           for name in names})
    with pytest.raises(ValueError, match='v.mkv: Dolby Vision'):
        PixelReader('v.mkv').read(tagged)
