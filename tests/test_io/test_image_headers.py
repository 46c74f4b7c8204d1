# Copyright (c) DKSAN-MM contributors.
"""Headers of image files."""
import struct

import pytest
from helpers.image_files import COLOURS, SRGB, encoded, png
from PIL import Image

from dksan_mm.io.image_headers import (Header, is_animated_webp, read_header,
                                       without_animation)


def test_animated_webp_is_known():
    frames = [Image.fromarray(COLOURS), Image.fromarray(COLOURS[::-1])]
    moving = encoded(
        frames[0], 'WEBP', save_all=True, append_images=frames[1:])
    assert is_animated_webp(moving)
    for still in (encoded(frames[0], 'WEBP'), moving[:12], b'', b'RIFF'):
        assert not is_animated_webp(still)


@pytest.mark.parametrize('mode, parts', [
    ('RGB', dict()),
    ('L', dict(grey=True)),
    ('LA', dict(grey=True, alpha=True)),
    ('RGBA', dict(alpha=True)),
    ('P', dict()),
])
def test_headers_of_png_files(mode, parts):
    image = Image.fromarray(COLOURS).convert(mode)
    header = read_header(encoded(image))
    assert header == Header((3, 2), **parts)
    assert header.is_plain == (not header.alpha)


@pytest.mark.parametrize('mode, parts', [('RGB', dict()),
                                         ('L', dict(grey=True)),
                                         ('CMYK', dict(cmyk=True))])
def test_headers_of_jpeg_files(mode, parts):
    header = read_header(encoded(Image.new(mode, (21, 10)), 'JPEG'))
    assert header == Header((21, 10), **parts)
    assert header.is_plain == (mode != 'CMYK')


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
def test_profiles_and_exif_are_noticed(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(
        Image.fromarray(COLOURS), kind, exif=exif, icc_profile=SRGB)
    header = read_header(content)
    assert header.parts == {b'profile', b'exif'} and not header.is_plain


def test_deep_keyed_and_other_colours_of_png_files():
    assert read_header(png(0, 16, [b'\0\1'])).bits == 16
    assert read_header(png(0, 8, [b'\1'], (b'tRNS', b'\0\1'))).alpha
    gamma = b'gAMA', struct.pack('>I', 100_000)
    assert read_header(png(0, 8, [b'\1'], gamma)).parts == {b'gamma'}
    # What a chunk of sRGB says counts more.
    assert read_header(png(0, 8, [b'\1'], gamma, (b'sRGB', b'\0'))).is_plain
    hdr = b'cICP', bytes([9, 16, 0, 1])
    assert read_header(png(0, 8, [b'\1'], hdr)).parts == {b'hdr'}


def chrm(*values):
    return b'cHRM', struct.pack('>8I', *(round(1e5 * v) for v in values))


@pytest.mark.parametrize('chunk, expected', [
    (chrm(.3127, .329, .68, .32, .265, .69, .15, .06), {b'gamut'}),
    (chrm(.3127, .329, .64, .33, .3, .6, .15, .06), set()),
    ((b'cICP', bytes([12, 13, 0, 1])), {b'gamut'}),
    ((b'cICP', bytes([1, 13, 0, 1])), set()),
])
def test_wide_colours_of_png_files(chunk, expected):
    assert read_header(png(2, 8, [b'\1\2\3'], chunk)).parts == expected
    assert read_header(png(0, 8, [b'\1'], chunk)).parts == set()


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
def test_a_file_that_ends_in_its_header_has_none(kind):
    content = encoded(Image.fromarray(COLOURS), kind)
    assert read_header(content[:20]) is None
    assert read_header(b'') is None and read_header(b'BM' + content) is None


def test_a_still_image_stays_as_it_is_without_its_animation():
    content = encoded(Image.fromarray(COLOURS))
    assert without_animation(content) == content
    chunk = b'\0\0\0\2acTLxxCRC_'
    assert without_animation(content[:33] + chunk + content[33:]) == content
