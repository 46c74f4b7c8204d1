# Copyright (c) DKSAN-MM contributors.
"""16-bit TIFF files mean what their tags say, or are refused."""
import numpy as np
import pytest
from helpers.image_files import COLOURS, tiff

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


def test_channels_that_are_stored_apart_are_refused():
    """OpenCV and Pillow read other values, without an error."""
    with pytest.raises(ValueError, match=r'x.tif: its 16-bit .*\(planar\)'):
        shown(tiff(DEEP, 2, planar=2))
    found, _ = shown(tiff(COLOURS, 2, planar=2))
    np.testing.assert_array_equal(found, COLOURS)


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
        shown(tiff(DEEP[..., :2], 1, extra=2))
