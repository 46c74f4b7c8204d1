# Copyright (c) DKSAN-MM contributors.
"""Images are decoded as viewers show them, or rejected in a sentence."""
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from helpers.image_files import COLOURS, SRGB, encoded, png
from PIL import Image

from dksan_mm.io import image_decoding, image_headers
from dksan_mm.io.image_decoding import decode
from dksan_mm.io.image_headers import read_header, without_animation
from dksan_mm.prepare.sources import Clip, iter_frames


def shown(content):
    """Return the image in RGB, and the notes."""
    image, notes = decode(content, 'x')
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    return image[..., ::-1], notes


def swapped_profile():
    """Return sRGB with exchanged red and blue primaries."""
    profile = bytearray(SRGB)
    count, = struct.unpack_from('>I', profile, 128)
    tags = {
        bytes(profile[132 + 12 * i:136 + 12 * i]): 132 + 12 * i
        for i in range(count)
    }
    red, blue = tags[b'rXYZ'] + 4, tags[b'bXYZ'] + 4
    profile[red:red + 8], profile[blue:blue + 8] = (profile[blue:blue + 8],
                                                    profile[red:red + 8])
    return bytes(profile)


def linear_grey_profile():
    """Return a grey profile with values proportional to light."""
    white = b'XYZ \0\0\0\0' + struct.pack('>3i', 63190, 65536, 54061)
    curve = b'curv\0\0\0\0' + struct.pack('>I', 0)
    text = b'desc\0\0\0\0' + struct.pack('>I', 2) + b'a\0' + bytes(78)
    text += bytes(-len(text) % 4)
    bodies = [(b'desc', text), (b'wtpt', white), (b'kTRC', curve)]
    start, table, content = 128 + 4 + 12 * len(bodies), b'', b''
    for name, body in bodies:
        table += struct.pack('>4sII', name, start + len(content), len(body))
        content += body
    content = struct.pack('>I', len(bodies)) + table + content
    header = struct.pack('>I4sI4s4s4s', 128 + len(content), b'lcms',
                         0x02100000, b'mntr', b'GRAY', b'XYZ ')
    header += bytes(12) + b'acsp' + bytes(28)
    header += struct.pack('>3i', 63190, 65536, 54061)
    return header.ljust(128, b'\0') + content


@pytest.mark.parametrize('mode', ['RGB', 'L', '1', 'P', 'LA', 'RGBA'])
@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'BMP', 'WEBP'])
def test_plain_images_keep_their_values(kind, mode):
    if kind == 'BMP' and mode in ('LA', 'RGBA'):
        pytest.skip('BMP has no alpha')
    image = Image.fromarray(COLOURS).convert(mode)
    options = dict(lossless=True) if kind == 'WEBP' else {}
    found, notes = shown(encoded(image, kind, **options))
    np.testing.assert_array_equal(found, np.asarray(image.convert('RGB')))
    assert notes == []


def test_one_pixel():
    found, _ = shown(encoded(Image.fromarray(COLOURS[:1, :1])))
    assert found.tolist() == [[[255, 0, 0]]]


@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_16_bits_are_rounded(suffix, channels):
    values = np.array([0, 127, 129, 255, 257, 32767, 32768, 65406, 65407],
                      np.uint16)
    image = np.repeat(values[None, :, None], channels, -1)
    if channels == 4:
        image[..., 3] = 65535
    image = image[..., 0] if channels == 1 else image
    found, notes = shown(cv2.imencode(suffix, image)[1].tobytes())
    want = [0, 0, 1, 1, 1, 127, 128, 254, 255]
    assert found[0].tolist() == [[v] * 3 for v in want] and notes == []


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'WEBP'])
def test_transparency_is_composited_over_black(kind):
    alpha = np.array([[255, 0, 128], [51, 255, 255]], np.uint8)
    image = np.dstack([COLOURS, alpha])
    options = dict(lossless=True, exact=True) if kind == 'WEBP' else {}
    found, notes = shown(encoded(Image.fromarray(image), kind, **options))
    assert found.tolist() == [[[255, 0, 0], [0, 0, 0], [0, 0, 128]],
                              [[51, 51, 51], [128] * 3, [200, 40, 40]]]
    assert notes == [image_decoding.TRANSPARENT]


def test_other_kinds_of_transparency():
    grey = Image.fromarray(np.array([[[200, 51], [200, 255]]], np.uint8))
    assert shown(encoded(grey))[0].tolist() == [[[40] * 3, [200] * 3]]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), 'P')
    palette.putpalette([250, 100, 50, 10, 20, 30])
    content = encoded(palette, transparency=b'\x33\xff')
    assert shown(content)[0].tolist() == [[[50, 20, 10], [10, 20, 30]]]
    keyed = encoded(Image.fromarray(COLOURS), transparency=(255, 255, 255))
    want = COLOURS.copy()
    want[1, 0] = 0
    np.testing.assert_array_equal(shown(keyed)[0], want)
    keyed = encoded(Image.fromarray(COLOURS[..., 0]), transparency=(255))
    assert shown(keyed)[0][..., 0].tolist() == [[0, 0, 0], [0, 128, 200]]
    keyed = png(
        0, 16, [b'\x80\x80\x80\x81'], (b'tRNS', b'\x80\x80'), size=(2, 1))
    assert shown(keyed)[0][..., 0].tolist() == [[0, 128]]
    keyed = png(0, 2, [b'\x1b'], (b'tRNS', b'\0\3'), size=(4, 1))
    assert shown(keyed)[0][..., 0].tolist() == [[0, 85, 170, 0]]


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'WEBP', 'JPEG'])
def test_a_profile_is_applied(kind):
    """Red and blue are exchanged, in every format."""
    image = np.tile(np.uint8([[[200, 40, 60]]]), (16, 16, 1))
    options = dict(WEBP=dict(lossless=True), JPEG=dict(quality=100))
    content = encoded(
        Image.fromarray(image),
        kind,
        icc_profile=swapped_profile(),
        **options.get(kind, {}))
    found, notes = shown(content)
    assert abs(found.astype(int) - [60, 40, 200]).max() <= 2
    assert notes == []


def test_a_profile_of_grey_values():
    """Half of the light is level 188 of sRGB."""
    image = np.full((4, 4), 128, np.uint8)
    found, notes = shown(
        encoded(Image.fromarray(image), icc_profile=linear_grey_profile()))
    assert notes == [] and abs(found.astype(int) - 188).max() <= 1


def test_a_profile_of_16_bit_values():
    image = png(2, 16, [b'\xc8\xc8\x28\x28\x3c\x3c'],
                (b'iCCP', b'a\0\0' + zlib.compress(swapped_profile())))
    found, _ = shown(image)
    assert abs(found[0, 0].astype(int) - [60, 40, 200]).max() <= 2


def test_the_profile_of_srgb_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    found, notes = shown(encoded(Image.fromarray(image), icc_profile=SRGB))
    np.testing.assert_array_equal(found, image)
    assert notes == []


@pytest.mark.parametrize(
    'profile',
    [b'junk' * 40, SRGB[:200], linear_grey_profile()])
def test_profiles_that_do_not_fit_are_named(profile):
    found, notes = shown(
        encoded(Image.fromarray(COLOURS), icc_profile=profile))
    np.testing.assert_array_equal(found, COLOURS)
    assert notes == [image_decoding.PROFILE]


def test_four_inks():
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 0] = 255
    found, _ = shown(
        encoded(Image.fromarray(inks, 'CMYK'), 'JPEG', quality=100))
    assert abs(found.astype(int) - [0, 255, 255]).max() <= 2


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_photographs_are_turned_upright(kind, orientation, tmp_path):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[:8, 16:] = (200, 0, 0), (0, 200, 0)
    upright[8:, :16] = (0, 0, 200)
    # How a camera stores it, from the standard's table: which side of the
    # scene row 0 is, and which column 0.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1)
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = dict(
        WEBP=dict(lossless=True), JPEG=dict(quality=100, subsampling=0))
    path = tmp_path / f'0.{kind.lower()}'
    path.write_bytes(
        encoded(
            Image.fromarray(np.ascontiguousarray(stored)),
            kind,
            exif=exif,
            **options.get(kind, {})))
    found, _ = shown(path.read_bytes())
    assert found.shape == upright.shape
    assert abs(found.astype(int) - upright).max() <= 3
    [(_, load)] = iter_frames(Clip('', '', str(tmp_path)))
    np.testing.assert_array_equal(load()[..., ::-1], found)


def test_the_orientation_may_follow_the_pixels():
    """The PNG specification allows it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(COLOURS), 'PNG')
    end = content.rindex(b'IEND') - 4
    content = content[:end] + image_headers.png_chunk(
        b'eXIf',
        exif.tobytes()[6:]) + content[end:]
    found, notes = shown(content)
    np.testing.assert_array_equal(found, np.rot90(COLOURS, -1))
    assert notes == []


def test_damaged_exif_is_passed_over():
    image = np.zeros((16, 16, 3), np.uint8)
    content = encoded(
        Image.fromarray(image), 'JPEG', exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
    assert shown(content)[0].shape == (16, 16, 3)


def test_colours_that_are_not_converted_are_named():
    pixel = b'\x40\x50\x60'
    gamma = png(2, 8, [pixel], (b'gAMA', struct.pack('>I', 100_000)))
    assert shown(gamma)[1] == [image_headers.GAMMA]
    assert shown(gamma)[0].tolist() == [[[0x40, 0x50, 0x60]]]
    usual = png(2, 8, [pixel], (b'gAMA', struct.pack('>I', 45455)))
    assert shown(usual)[1] == []
    hdr = png(2, 8, [pixel], (b'cICP', bytes([9, 16, 0, 1])))
    assert shown(hdr)[1] == [image_headers.HDR]
    wide = png(2, 8, [pixel], (b'cICP', bytes([12, 13, 0, 1])))
    assert shown(wide)[1] == [image_headers.GAMUT]
    linear = png(2, 8, [pixel], (b'cICP', bytes([1, 8, 0, 1])))
    assert shown(linear)[1] == [image_headers.GAMMA]


@pytest.mark.parametrize('codes, notes', [
    ((1, 13), []),
    ((12, 13), [image_headers.GAMUT]),
    ((9, 16), [image_headers.HDR]),
    ((1, 8), [image_headers.GAMMA]),
    ((9, 8), [image_headers.GAMMA, image_headers.GAMUT]),
])
def test_colours_of_avif_files(codes, notes):
    image = Image.new('RGB', (8, 8), (64, 80, 96))
    content = encoded(image, 'AVIF')
    box = content.index(b'colrnclx') + 8
    content = content[:box] + struct.pack('>HH', *codes) + content[box + 4:]
    assert shown(content)[1] == notes


def test_what_is_not_a_whole_image():
    whole = {
        kind: encoded(Image.effect_noise((64, 64), 90).convert('RGB'), kind)
        for kind in ('PNG', 'JPEG', 'TIFF', 'BMP', 'WEBP')
    }
    for kind, content in whole.items():
        shown(content)
        for part in (1, 3, 10, 40, len(content) // 2, len(content) - 20):
            with pytest.raises(ValueError, match='^x: not a readable image'):
                decode(content[:part], 'x')
    with pytest.raises(ValueError, match='^x: empty file'):
        decode(b'', 'x')
    with pytest.raises(ValueError, match='^x: not a readable image'):
        decode(b'no image' * 9, 'x')


def test_damaged_avif_files_are_named():
    content = encoded(Image.fromarray(COLOURS), 'AVIF')
    pixels = content.index(b'mdat') + 4
    with pytest.raises(ValueError, match='^x: not a readable image'):
        decode(content[:pixels] + bytes(8) + content[pixels + 8:], 'x')


def test_floating_point_values_are_refused():
    content = encoded(Image.fromarray(np.ones((4, 4), np.float32)), 'TIFF')
    with pytest.raises(
            ValueError,
            match='^x: holds floating-point values; save it with 8 or'):
        decode(content, 'x')


@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'TIFF'])
def test_a_small_file_cannot_ask_for_gigabytes(kind):
    size = (20_000, 10_000)
    if kind == 'PNG':
        content = png(0, 8, [b'\0'], size=size)
    else:
        content = bytearray(encoded(Image.new('L', (2, 2)), kind))
        if kind == 'BMP':
            struct.pack_into('<ii', content, 18, *size)
        else:
            for tag, value in zip((256, 257), size):
                place = content.index(struct.pack('<HHI', tag, 3, 1)[:2])
                struct.pack_into('<HHII', content, place, tag, 4, 1, value)
    with pytest.raises(ValueError, match='^x: .*pixels'):
        decode(bytes(content), 'x')


def test_plain_files_take_the_quick_way(monkeypatch):
    """Training reads its frames this way."""
    monkeypatch.setattr(image_decoding, '_read_metadata', None)
    monkeypatch.setattr(image_decoding, '_open', None)
    for kind in ('PNG', 'JPEG'):
        content = encoded(Image.fromarray(COLOURS), kind)
        assert read_header(content).is_plain
        decode(content, 'x')


def test_an_animation_s_default_image(tmp_path):
    pictures = [
        Image.fromarray(np.full((4, 5, 3), level, np.uint8))
        for level in (10, 200)
    ]
    file = io.BytesIO()
    pictures[0].save(
        file, 'PNG', save_all=True, append_images=pictures[1:], duration=40)
    image, notes = decode(file.getvalue(), 'a.png')
    assert image.shape == (4, 5, 3) and (image == 10).all() and notes == []
    still = without_animation(file.getvalue())
    assert b'acTL' not in still and b'fdAT' not in still


def test_damaged_animations_end_in_one_sentence():
    """OpenCV's reader of animations crashed on some of them."""
    rng = np.random.default_rng(0)
    frames = [
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8))
        for _ in range(3)
    ]
    file = io.BytesIO()
    frames[0].save(
        file, 'PNG', save_all=True, append_images=frames[1:], duration=40)
    outcomes = set()
    for _ in range(200):
        content = bytearray(file.getvalue())
        for place in rng.integers(33, len(content), 20):
            content[place] ^= 1 << int(rng.integers(8))
        try:
            outcomes.add(decode(bytes(content), 'a.png')[0].shape)
        except ValueError as error:
            assert str(error).startswith('a.png: ')
            outcomes.add('refused')
    assert 'refused' in outcomes


def test_the_sentence_about_what_is_no_image():
    with pytest.raises(ValueError) as caught:
        decode(b'no image', 'a.jpg')
    assert str(caught.value) == ('a.jpg: not a readable image (damaged, cut '
                                 'short or of another type)')
