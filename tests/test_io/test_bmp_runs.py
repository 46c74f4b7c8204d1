# Copyright (c) DKSAN-MM contributors.
"""Run-length coded BMP files hold all their pixels."""
import struct

import numpy as np
import pytest

from dksan_mm.io.image_decoding import decode

PALETTE = np.random.default_rng(0).integers(0, 256, (16, 4), np.uint8)


def bmp(runs, size, bits):
    """Make a BMP file with runs of palette indices, the last row first."""
    kind = {8: 1, 4: 2}[bits]
    head = struct.pack('<IiiHHIIiiII', 40, *size, 1, bits, kind, len(runs), 0,
                       0, 16, 0)
    start = 14 + 40 + PALETTE.nbytes
    return b'BM' + struct.pack('<IHHI', start + len(runs), 0, 0, start) + \
        head + PALETTE.tobytes() + runs


def test_odd_numbers_of_pixels():
    """Runs of 4 bits take whole bytes, and an even number of them."""
    runs = bytes([0, 5, 0x12, 0x34, 0x50, 0, 0, 0])
    runs += bytes([5, 0x67, 0, 0, 0, 1])
    image, notes = decode(bmp(runs, (5, 2), 4), 'a.bmp')
    indices = [[6, 7, 6, 7, 6], [1, 2, 3, 4, 5]]
    np.testing.assert_array_equal(image, PALETTE[indices, :3])
    assert notes == []


@pytest.mark.parametrize('bits', [4, 8])
def test_pixels_and_rows_that_are_skipped(bits):
    """They have the first colour of the palette."""
    one, two, three = (0x11, 0x22, 0x33) if bits == 4 else (1, 2, 3)
    runs = bytes([4, one, 0, 0, 0, 0, 2, two, 0, 0])
    runs += bytes([0, 2, 1, 0, 2, three, 0, 1])
    image, _ = decode(bmp(runs, (4, 5), bits), 'a.bmp')
    indices = [[0] * 4, [0, 3, 3, 0], [2, 2, 0, 0], [0] * 4, [1] * 4]
    np.testing.assert_array_equal(image, PALETTE[indices, :3])


@pytest.mark.parametrize('lost', [1, 8])
def test_a_file_that_is_cut_short(lost):
    content = bmp(bytes([5, 1, 0, 0, 5, 2, 0, 0, 0, 1]), (5, 2), 8)
    decode(content, 'a.bmp')
    with pytest.raises(ValueError, match=r'a.bmp: not .*\(cut short\)'):
        decode(content[:-lost], 'a.bmp')


def test_a_size_that_no_file_has():
    content = bmp(bytes([0, 1]), (2**30, 2**30), 8)
    with pytest.raises(ValueError, match='a.bmp: not a readable image'):
        decode(content, 'a.bmp')
