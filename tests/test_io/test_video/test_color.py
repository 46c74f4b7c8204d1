# Copyright (c) DKSAN-MM contributors.
"""Colour tags."""
import av
import pytest

from dksan_mm.io.video.color import Color, read_coding, read_color


def test_without_tags_bt2020_has_its_own_matrix():
    frame = av.VideoFrame(64, 64, 'yuv420p10le')
    frame.color_primaries = 9
    assert read_coding(frame) == (9, False)
    frame.color_primaries, frame.color_trc = 2, 16
    assert read_coding(frame) == (9, False)
    assert read_color(frame) == Color(9, 16)


@pytest.mark.parametrize('color, name, matrix, is_hdr, can_be_kept', [
    (Color(), 'BT.709', 1, False, True),
    (Color(1, 13), 'BT.709 (sRGB)', 1, False, True),
    (Color(6, 6), 'SMPTE 170M', 6, False, True),
    (Color(5, 1), 'BT.470 BG (BT.709)', 6, False, True),
    (Color(12, 13), 'Display P3 (sRGB)', 1, False, True),
    (Color(9, 14), 'BT.2020', 9, False, False),
    (Color(9, 16), 'BT.2020 (PQ)', 9, True, False),
    (Color(1, 18), 'BT.709 (HLG)', 1, True, False),
    (Color(22, 1), 'EBU 3213 (BT.709)', 1, False, False),
])
def test_names_and_uses_of_colours(color, name, matrix, is_hdr, can_be_kept):
    assert str(color) == name
    assert (color.matrix, color.is_hdr, color.can_be_kept) == (matrix, is_hdr,
                                                               can_be_kept)


def test_displays_show_bt709_or_srgb():
    assert Color(9, 16).on_displays == Color(1, 1)
    assert Color(12, 13).on_displays == Color(1, 13)


@pytest.mark.parametrize('primaries, transfer, color', [
    (2, 2, Color()),
    (9, 14, Color(9, 14)),
    (2, 16, Color(9, 16)),
    (2, 18, Color(9, 18)),
    (5, 2, Color(5, 1)),
    (1, 13, Color(1, 13)),
])
def test_colours_are_those_of_the_tags(primaries, transfer, color):
    frame = av.VideoFrame(64, 64, 'yuv420p')
    frame.color_primaries, frame.color_trc = primaries, transfer
    assert read_color(frame) == color


def test_xyz_is_converted_to_bt709():
    frame = av.VideoFrame(64, 64, 'xyz12le')
    frame.color_primaries, frame.color_trc = 11, 17
    assert read_color(frame) == Color()


@pytest.mark.parametrize('name, tags, coding', [
    ('rgb24', dict(), (0, True)),
    ('rgb24', dict(color_range=1, colorspace=1), (0, True)),
    ('pal8', dict(), (0, True)),
    ('gray', dict(), (5, True)),
    ('gray', dict(color_range=1), (5, False)),
    ('yuv420p', dict(), (5, False)),
    ('yuv420p', dict(color_range=2), (5, True)),
    ('yuv420p', dict(colorspace=9), (9, False)),
    ('yuv420p', dict(colorspace=8), (8, False)),
    ('yuvj420p', dict(color_range=1), (5, True)),
])
def test_how_numbers_are_coded(name, tags, coding):
    frame = av.VideoFrame(64, 64, name)
    for tag, value in tags.items():
        setattr(frame, tag, value)
    assert read_coding(frame) == coding
