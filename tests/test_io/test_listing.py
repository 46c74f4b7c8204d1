# Copyright (c) DKSAN-MM contributors.
"""Folders as users have them: frames, covers, posters and other files."""
import os
import socket

import pytest

from dksan_mm.io.listing import list_frames_of, refuse_special


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


def listed(folder):
    files, notes = list_frames_of(folder)
    return [os.path.basename(file) for file in files
            ], [note.removeprefix(f'{folder}: ') for note in notes]


@pytest.mark.parametrize('names', [
    ['8.png', '9.png', '10.png'],
    ['f 000001.PNG', 'f 000002.Jpg', 'f 000003.tif'],
    ['a.png', 'b.png', 'c.jpg'],
    ['scene1_1.png', 'scene1_2.png', 'scene2_1.png'],
    ['10.00.01.bmp', '10.00.02.bmp', '10.01.00.bmp'],
    ['0000.webp', '0002.webp', '0004.webp'],
    ['frame_1_x16.png', 'frame_2_x16.png'],
    ['0.png'],
    [],
])
def test_frames_in_order(tmp_path, names):
    assert listed(make(tmp_path / 'f', *names)) == (names, [])


@pytest.mark.parametrize('frames, others', [
    (['000001.png', '000002.png'], ['Thumbs.db', 'desktop.ini']),
    (['000001.png', '000002.png', '000003.png'], ['cover.png', 'folder.jpg']),
    (['000001.png', '000002.png'], ['poster_2020.jpg']),
    (['a1.png', 'a2.png'], ['a1.jpg', 'a2.jpg']),
    (['1.tif', '2.tif'], ['1.jpeg']),
    (['1.png', '2.png'], ['preview.mp4']),
])
def test_others_are_named(tmp_path, frames, others):
    folder = make(tmp_path / 'f', *frames, *others, '.DS_Store', '._1.png')
    found, [note] = listed(folder)
    assert found == frames
    assert note == f'ignored: {", ".join(others)}'


def test_gaps_are_named(tmp_path):
    folder = make(tmp_path / 'f', '1.png', '2.png', '4.png')
    assert listed(folder)[1] == [
        '1 frame is missing, after 2.png comes 4.png; the others are used'
    ]
    folder = make(tmp_path / 'g',
                  *(f'v1_{n:04d}.png' for n in [10, 12, 14, 20, 22, 26]))
    assert listed(folder)[1] == [
        '3 frames are missing, after v1_0014.png comes v1_0020.png; the '
        'others are used'
    ]


def test_numbers_that_repeat_are_named(tmp_path):
    folder = make(tmp_path / 'f', '1.png', '01.png', '2.png')
    assert listed(folder)[1] == [
        '01.png and 1.png have the same number; both are taken'
    ]


def test_frames_of_two_videos_are_refused(tmp_path):
    folder = make(tmp_path / 'f', 'a_1.png', 'a_2.png', 'b_1.png', 'b_2.png')
    with pytest.raises(
            ValueError,
            match=r'several videos \(a_\*, b_\*\); .*'
            r'such as .*/f/a_\*\.png$'):
        list_frames_of(folder)


def test_links_in_a_loop_are_ignored(tmp_path):
    for name in 'a0.png', 'a1.png':
        (tmp_path / name).write_bytes(b'')
    os.symlink('loop', tmp_path / 'loop')
    files, notes = list_frames_of(str(tmp_path))
    assert [os.path.basename(file) for file in files] == ['a0.png', 'a1.png']
    assert notes == [f'{tmp_path}: ignored: loop']


def test_pipes_and_dead_links_are_no_frames(tmp_path):
    folder = make(tmp_path / 'f', '1.png', '2.png')
    os.mkfifo(f'{folder}/3.png')
    os.symlink('nowhere', f'{folder}/4.png')
    assert listed(folder) == (['1.png', '2.png'], ['ignored: 3.png, 4.png'])


def test_special_files_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / 'p')
    with pytest.raises(ValueError, match='p: is a named pipe, .* file first'):
        refuse_special(str(tmp_path / 'p'))
    with pytest.raises(ValueError, match='/dev/zero: is a device'):
        refuse_special('/dev/zero')
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / 's'))
        with pytest.raises(ValueError, match='s: is a socket'):
            refuse_special(str(tmp_path / 's'))
    reading, writing = os.pipe()
    with pytest.raises(ValueError, match='named pipe'):
        refuse_special(f'/dev/fd/{reading}')
    os.close(reading), os.close(writing)
    refuse_special(str(tmp_path))
    refuse_special('nothing there')
    refuse_special('a\0b')
