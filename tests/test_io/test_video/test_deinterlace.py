# Copyright (c) DKSAN-MM contributors.
"""Interlaced frames: the first field is kept, the other is interpolated."""
from pathlib import Path

import numpy as np
import pytest
from helpers.interlaced_files import TIMES, scene, write_interlaced

from dksan_mm.io.video.readers import open_source
from dksan_mm.prepare.sources import Clip, iter_frames


def greys(source):
    return [frame.image[..., 0].astype(int) for frame in source]


def prepared(path, **kwargs):
    notes = []
    frames = iter_frames(Clip('c', '', path), notes=notes, **kwargs)
    return [load()[..., 0].astype(int) for _, load in frames], notes


def test_interlaced_frames_are_deinterlaced(tmp_path):
    path = write_interlaced(tmp_path / 'v.mkv')
    source = open_source(path)
    frames = list(source)
    assert [1000 * f.pts * source.time_base for f in frames] == TIMES
    note = f'{path} is interlaced: it is deinterlaced'
    assert source.notes == [note] and source.complaints == []
    for number, image in enumerate(greys(frames)):
        wanted = scene(2 * number).astype(int)
        assert np.abs(image - wanted)[1::2].max() <= 1  # the first field
        # Filled in within 2 levels on average; the second field is 20 off.
        assert np.abs(image - wanted)[::2].mean() < 2
        other = scene(2 * number + 1)[::2].astype(int)
        assert np.abs(other - wanted[::2]).mean() > 15
    images, notes = prepared(path)
    np.testing.assert_array_equal(images, greys(frames))
    assert notes == [note]


def test_or_left_as_they_are(tmp_path):
    path = write_interlaced(tmp_path / 'v.mkv')
    source = open_source(path, deinterlace=False)
    images = greys(source)
    for number, image in enumerate(images):
        assert np.abs(image - scene(2 * number))[1::2].max() <= 1
        assert np.abs(image - scene(2 * number + 1))[::2].max() <= 1
    assert source.notes == [f'{path} is interlaced: it is not deinterlaced']
    again, notes = prepared(path, deinterlace=False)
    np.testing.assert_array_equal(again, images)
    assert notes == source.notes


@pytest.mark.parametrize('count', [1, 2])
def test_few_interlaced_frames(tmp_path, count):
    path = write_interlaced(tmp_path / 'v.mkv', count)
    assert len(greys(open_source(path))) == count


def test_frames_that_are_not_interlaced_stay(tmp_path):
    path = write_interlaced(tmp_path / 'v.mkv', interlaced=False)
    source = open_source(path)
    for number, image in enumerate(greys(source)):
        assert np.abs(image - scene(2 * number)).max() <= 1
    assert source.notes == []


@pytest.mark.parametrize('order', [(False, True), (True, False)])
def test_a_video_that_is_interlaced_in_parts(tmp_path, order):
    path, content = tmp_path / 'both.h264', b''
    for interlaced in order:
        part = write_interlaced(tmp_path / 'part.h264', interlaced=interlaced)
        content += Path(part).read_bytes()
    path.write_bytes(content)
    source = open_source(path)
    images = greys(source)
    assert len(images) == 12 and source.complaints == []
    for number, image in enumerate(images):
        off = np.abs(image - scene(2 * (number % 6)))
        assert off[1::2].max() <= 1
        assert order[number // 6] or off.max() <= 1
    assert len(source.notes) == 1
