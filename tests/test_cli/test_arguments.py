# Copyright (c) DKSAN-MM contributors.
import argparse
from fractions import Fraction

import pytest

from dksan_mm.cli.arguments import (frame_rate, frame_size, name_dashes,
                                    positive, share_of_one, thread_count,
                                    tile_side, video_size)


@pytest.mark.parametrize('read, text, value', [
    (positive, '1', 1),
    (positive, '120', 120),
    (thread_count, '1', 1),
    (thread_count, '1024', 1024),
    (frame_size, '67x120', (67, 120)),
    (frame_size, '64', (64, 64)),
    (video_size, '1920x1080', (1920, 1080)),
    (video_size, '1920x', (1920, None)),
    (video_size, 'x1080', (None, 1080)),
    (tile_side, 'auto', 'auto'),
    (tile_side, 'none', None),
    (tile_side, '64', 64),
    (share_of_one, '0', 0.),
    (share_of_one, '1', 1.),
    (share_of_one, '.25', 0.25),
    (frame_rate, '24', 24),
    (frame_rate, '30000/1001', Fraction(30000, 1001)),
])
def test_values(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize('read, texts', [
    (positive, ['0', '-1', 'x', '', '1.5', '1e3', ' 1']),
    (thread_count, ['0', '1025', 'x', '']),
    (frame_size, ['0', '0x64', '64x0', '4x', 'x4', '4x5x6', '-4x5', '4 x 5']),
    (video_size, ['x', '', '1080', '0x9', '9x0', '-1x9', '1x2x3', '9 x 9']),
    (tile_side, ['0', '-1', 'x', '', '1.5']),
    (share_of_one, ['-0.1', '1.01', 'x', '', 'nan', 'inf', '50%']),
    (frame_rate, ['0', '-1', 'x', '', '1/0', '1001', 'nan']),
])
def test_what_is_none_is_named(read, texts):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            read(text)
        assert text in str(caught.value)


def test_paths_that_begin_with_a_dash(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ('-v.mp4', '-1', '--'):
        (tmp_path / name).touch()
    parser = argparse.ArgumentParser()
    for arguments in (['--out', '-1'], ['--', '-v.mp4'], ['-w.mp4'], ['-']):
        name_dashes(parser, arguments)
    with pytest.raises(SystemExit) as caught:
        name_dashes(parser, ['a', '-v.mp4'])
    assert caught.value.code == 2
    assert '-v.mp4: a path that begins with a dash is written ./-v.mp4' in \
        capsys.readouterr().err
