# Copyright (c) DKSAN-MM contributors.
"""Colour tags."""
import av

from dksan_mm.io.video.color import Color, read_coding, read_color


def test_without_tags_bt2020_has_its_own_matrix():
    frame = av.VideoFrame(64, 64, 'yuv420p10le')
    frame.color_primaries = 9
    assert read_coding(frame) == (9, False)
    frame.color_primaries, frame.color_trc = 2, 16
    assert read_coding(frame) == (9, False)
    assert read_color(frame) == Color(9, 16)
