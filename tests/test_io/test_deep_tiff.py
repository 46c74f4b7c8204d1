# Copyright (c) DKSAN-MM contributors.
"""TIFF files mean what their tags say, or are refused."""
import numpy as np
import pytest
from helpers.image_files import COLOURS, encoded, tiff
from PIL import Image

from dksan_mm.io.image_decoding import TRANSPARENT, decode

DEEP = COLOURS.astype(np.uint16) * 257


def with_alpha(colours, value):
    return np.dstack([colours, np.full((2, 3), value, np.uint16)])


def shown(content):
    image, notes = decode(content, 'x.tif')
    return image[..., ::-1], notes


@pytest.mark.parametrize('order', ['<', '>'])
def test_rgb_and_grey(order):
    found, notes = shown(tiff(DEEP, 2, order=order))
    np.testing.assert_array_equal(found, COLOURS)
    assert notes == []
    found, _ = shown(tiff(DEEP[..., :1], 1, order=order))
    np.testing.assert_array_equal(found, COLOURS[..., :1].repeat(3, 2))


def test_white_may_be_zero():
    found, _ = shown(tiff(65535 - DEEP[..., :1], 0))
    np.testing.assert_array_equal(found, COLOURS[..., :1].repeat(3, 2))


@pytest.mark.parametrize('order', ['<', '>'])
def test_four_inks(order):
    inks = with_alpha(65535 - DEEP, 0)
    found, _ = shown(tiff(inks, 5, order=order))
    np.testing.assert_array_equal(found, COLOURS)


@pytest.mark.parametrize('kind', [np.uint8, np.uint16])
def test_a_channel_of_unknown_meaning_is_no_alpha(kind):
    values = with_alpha(DEEP, 0) // (257 if kind == np.uint8 else 1)
    found, notes = shown(tiff(values.astype(kind), 2, extra=0))
    np.testing.assert_array_equal(found, COLOURS)
    assert notes == []


def test_alpha_counts_once():
    half = 128 * 257
    want = np.rint(COLOURS * (128 / 255))
    found, notes = shown(tiff(with_alpha(DEEP, half), 2, extra=2))
    np.testing.assert_array_equal(found, want)
    assert notes == [TRANSPARENT]
    product = np.rint(DEEP * (half / 65535)).astype(np.uint16)
    found, notes = shown(tiff(with_alpha(product, half), 2, extra=1))
    np.testing.assert_array_equal(found, want)
    assert notes == [TRANSPARENT]


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('differences', [False, True])
def test_channels_may_be_stored_apart(order, differences):
    options = dict(planar=2, order=order, differences=differences)
    found, notes = shown(tiff(DEEP, 2, **options))
    np.testing.assert_array_equal(found, COLOURS)
    assert notes == []
    found, notes = shown(
        tiff(with_alpha(DEEP, 128 * 257), 2, extra=2, **options))
    np.testing.assert_array_equal(found, np.rint(COLOURS * (128 / 255)))
    assert notes == [TRANSPARENT]


@pytest.mark.parametrize('planar', [1, 2])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('differences', [False, True])
def test_grey_with_alpha(planar, order, differences):
    grey, half = COLOURS[..., :1], np.full((2, 3, 1), 128 * 257, np.uint16)
    options = dict(planar=planar, order=order, differences=differences)
    pairs = np.dstack([DEEP[..., :1], half])
    want = np.rint(grey * (128 / 255)).repeat(3, 2)
    for photometric, values in (1, pairs), (0, pairs ^ [65535, 0]):
        found, notes = shown(
            tiff(values.astype(np.uint16), photometric, extra=2, **options))
        np.testing.assert_array_equal(found, want)
        assert notes == [TRANSPARENT]
    pairs[..., 0] = np.rint(pairs[..., 0] * (128 / 255))
    found, _ = shown(tiff(pairs, 1, extra=1, **options))
    np.testing.assert_allclose(found, want, atol=1)  # rounded twice


@pytest.mark.parametrize('kind', ['raw', 'tiff_lzw'])
def test_luma_and_chroma(kind):
    image = Image.fromarray(COLOURS).convert('YCbCr')
    found, notes = shown(encoded(image, 'TIFF', compression=kind))
    assert abs(found.astype(int) - COLOURS).max() <= 3 and notes == []


@pytest.mark.parametrize('values, photometric, extra, planar', [
    (DEEP, 2, None, 1),
    (DEEP, 2, None, 2),
    (DEEP[..., [0, 1]], 1, 0, 1),
])
def test_they_are_turned_upright(values, photometric, extra, planar):
    options = dict(extra=extra, planar=planar)
    plain, _ = shown(tiff(values, photometric, **options))
    found, _ = shown(tiff(values, photometric, turn=6, **options))
    np.testing.assert_array_equal(found, np.rot90(plain, -1))


@pytest.mark.parametrize('photometric, planar, what', [
    (8, 1, '16-bit CIELAB colours; save it as RGB'),
    (8, 2, '16-bit CIELAB colours; save it as RGB'),
    (5, 2, r'16-bit inks are .*\(planar\); save it as PNG'),
])
def test_colours_that_nothing_reads_are_refused(photometric, planar, what):
    values = DEEP if photometric == 8 else with_alpha(DEEP, 0)
    with pytest.raises(ValueError, match=f'x.tif: .*{what}'):
        shown(tiff(values, photometric, planar=planar))


@pytest.mark.parametrize('values, kind, name', [
    (DEEP.astype(np.uint32)[..., :1], 1, '32-bit'),
    (COLOURS[..., :1], 2, 'signed'),
    (COLOURS[..., :1].astype(np.float32), 3, 'floating-point'),
])
def test_other_values_are_refused(values, kind, name):
    with pytest.raises(ValueError, match=f'x.tif: holds {name} values'):
        shown(tiff(values, 1, kind=kind))


def test_a_kind_that_nothing_reads_is_not_called_cut_short():
    with pytest.raises(ValueError, match='a kind of TIFF that is not support'):
        shown(tiff(COLOURS[..., :2], 1, extra=1))
