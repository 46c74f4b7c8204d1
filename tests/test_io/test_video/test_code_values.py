# Copyright (c) DKSAN-MM contributors.
import av
import numpy as np
import pytest
from helpers.color_frames import centers, encode, make_frame, patches

from dksan_mm.io.video.code_values import read_codes
from dksan_mm.io.video.light import to_xyz
from dksan_mm.io.video.pixels import PixelReader


@pytest.mark.parametrize('name, kind, full, levels', [
    ('gray', np.uint8, True, (0, 255)),
    ('gray', np.uint8, False, (16, 235)),
    ('gray10le', np.uint16, True, (0, 1023)),
    ('gray10le', np.uint16, False, (64, 940)),
    ('grayf32le', np.float32, True, (0, 65535)),
])
def test_black_and_white_of_grey(name, kind, full, levels):
    top = 1 if kind == np.float32 else levels[1]
    plane = np.array([[levels[0], top]], kind)
    tags = {} if full else dict(color_range=1)
    (codes,
     *found), alpha = read_codes(make_frame(name, [plane], **tags), False)
    assert tuple(found) == levels and alpha is None
    np.testing.assert_array_equal(centers(codes)[0, :, 0], levels)


@pytest.mark.parametrize('name, bits', [('yuva420p', 8), ('yuva444p10le', 10)])
def test_alpha_reaches_from_0_to_1(name, bits):
    planes = encode(patches(), 1, False, bits)
    alpha = np.zeros((4, 8), planes[0].dtype)
    alpha[:, 4:] = 2**bits - 1
    frame = make_frame(name, [*planes, alpha], colorspace=1, color_range=1)
    (codes, black, white), found = read_codes(frame, True)
    assert codes.shape == (64, 128, 3) and codes.dtype == np.uint16
    np.testing.assert_array_equal(centers(found), alpha / (2**bits - 1))
    assert centers(codes)[0, 0].max() - black < 0.01 * (white - black)
    assert abs(centers(codes)[0, -1] - white).max() < 0.01 * (white - black)


@pytest.mark.parametrize('order', ['<', '>'])
def test_colours_of_digital_cinema(order):
    """White has 48 of the 52.37 cd/m2 of code 4095 (SMPTE ST 428-1)."""
    light = np.array([[0, 0, 0], [1, 1, 1], [0.2, 0.2, 0.2], [0.1, 0.5, 0.9],
                      [0.7, 0.1, 0.02]])
    xyz = light @ to_xyz(1).T
    stored = np.rint(4095 * (xyz * 48 / 52.37)**(1 / 2.6)).astype('u2') << 4
    frame = av.VideoFrame(
        len(light), 1, 'xyz12le' if order == '<' else 'xyz12be')
    row = np.zeros(frame.planes[0].line_size // 2, order + 'u2')
    row[:stored.size] = stored.ravel()
    frame.planes[0].update(row.tobytes())
    (codes, black, white), alpha = read_codes(frame, False)
    assert (black, white, alpha) == (0, 65535, None)
    np.testing.assert_allclose(
        codes[0] / 65535, light**(1 / 2.4), atol=0.5 / 255)
    image = PixelReader('v').read(frame)
    want = np.rint(255 * light**(1 / 2.4))
    np.testing.assert_allclose(image[0], want, atol=1)
