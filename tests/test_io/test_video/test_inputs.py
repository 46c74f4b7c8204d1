# Copyright (c) DKSAN-MM contributors.
"""Inputs with all the names that files can have."""
import os

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import write_frames
from helpers.video_files import make_video, moving

from dksan_mm.io.image_decoding import TRANSPARENT
from dksan_mm.io.video.inputs import find_inputs, match
from dksan_mm.io.video.readers import open_source


def make(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return str(folder)


def found(folder):
    inputs = find_inputs(folder)
    return inputs and [os.path.relpath(path, folder) for path in inputs.paths]


@pytest.mark.parametrize('videos, others', [
    (['movie.mp4'], ['movie.jpg']),
    (['movie.mp4'], ['movie-poster.jpg', 'movie-fanart.jpg', 'movie3.png']),
    (['a.MTS', 'b.mpg', 'c.TS', 'd.3gp'], ['cover1.png', 'cover2.png']),
    (['a.wmv', 'b.ogv'], ['a.jpg', 'poster.jpg', 'b.srt', 'Thumbs.db']),
    (['a.m2ts', 'clip2.flv', 'clip10.flv'], []),
    (['a.mp4', 'f'], ['cover.jpg']),
])
def test_folders_of_videos(tmp_path, videos, others):
    videos = [name + '/1.png' * (name == 'f') for name in videos]
    folder = make(tmp_path / 'in', *videos, *others, '.DS_Store')
    assert found(folder) == [name.removesuffix('/1.png') for name in videos]
    notes = find_inputs(folder).notes
    assert len(notes) == bool(others)
    for note in notes:
        assert note.startswith(f'{folder}: ignored: ')
        assert all(name in note for name in sorted(others)[:1])


@pytest.mark.parametrize('names', [
    ['000.png', '001.png', 'sound.mp4'],
    ['000.png', '001.png', 'old/000.png'],
    ['a.png', 'b.png', 'c/d.png'],
    ['0.png'],
    ['readme.txt'],
])
def test_folders_of_frames(tmp_path, names):
    assert found(make(tmp_path / 'in', *names)) is None


def test_patterns(tmp_path):
    folder = make(tmp_path / 'in', 'a.mp4', 'b.mkv', 'a.png')
    assert [
        os.path.basename(path) for path in find_inputs(f'{folder}/*').paths
    ] == ['a.mp4', 'b.mkv']
    assert find_inputs(f'{folder}/*').notes == [f'{folder}/*: ignored: a.png']
    assert find_inputs(f'{folder}/*.png') is None
    assert find_inputs(f'{folder}/*.txt') is None


@pytest.mark.parametrize('name', [
    'a:b.mkv', 'file:a.mkv', 'concat:a.mkv', '-x.mkv', '[1]*?.mkv',
    'caf\udce9.mkv', 'two\nlines.mkv', '%03d.mkv', 'a#b?c=1&d.mkv', 'ü 日.mkv'
])
def test_any_name_of_a_video(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / 'plain.mkv', moving(2))
    os.rename('plain.mkv', name)
    assert [frame.image.shape
            for frame in open_source(name)] == [(12, 20, 3)] * 2


@pytest.mark.parametrize(
    'name', ['a:b.png', '-x.png', '[1]*.png', 'caf\udce9.png', '%d.png'])
def test_any_name_of_an_image(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_frames(tmp_path / 'f', moving(1))
    os.rename('f/000000.png', name)
    assert len(list(open_source(name))) == 1


def test_an_image_is_known_by_its_content(tmp_path):
    [frame] = moving(1)
    for suffix in ('.png', '.jpg', '.tiff'):
        path = tmp_path / f'photo{suffix[1:]}'
        path.write_bytes(cv2.imencode(suffix, frame)[1].tobytes())
        [found] = open_source(path)
        assert found.image.shape == frame.shape


def test_addresses_and_phones_formats_get_a_sentence(tmp_path):
    with pytest.raises(ValueError, match='download the video to a file'):
        open_source('https://example.org/a.mp4')
    (tmp_path / 'a.heic').write_bytes(b'\0\0\0\x18ftypheic' + bytes(100))
    with pytest.raises(ValueError, match='a.heic: is a HEIC image; save it'):
        open_source(tmp_path / 'a.heic')


def test_pipes_are_refused_without_opening_them(tmp_path):
    os.mkfifo(tmp_path / 'p.mkv')
    with pytest.raises(ValueError, match='p.mkv: is a named pipe'):
        open_source(tmp_path / 'p.mkv')


def test_what_was_done_to_images_is_in_the_notes(tmp_path):
    clear = np.zeros((8, 8, 4), np.uint8)
    folder = write_frames(tmp_path / 'f', [clear, clear, clear[..., :3]])
    os.rename(folder / '000002.png', folder / '000005.png')
    source = open_source(folder)
    assert len(list(source)) == 3
    assert source.notes == [
        f'{folder}: 3 frames are missing, after 000001.png comes 000005.png; '
        'the others are used', f'{folder}: {TRANSPARENT} (2 images)'
    ]


def test_a_pattern_of_frames(tmp_path):
    folder = write_frames(tmp_path / 'f', moving(3), '%d.png', first=9)
    (folder / 'notes.txt').touch()
    source = open_source(f'{folder}/*')
    assert [os.path.basename(f)
            for f in source.files] == ['9.png', '10.png', '11.png']
    assert source.notes == [f'{folder}/*: ignored: notes.txt']


def test_brackets_in_the_folder_of_a_pattern(tmp_path):
    """They would be a set of characters: nothing would be found."""
    for folder in ('clip [1080p]', 'clip 1'):
        (tmp_path / folder).mkdir()
        for number in (10, 9):
            (tmp_path / folder / f'{number}.png').touch()
    found = match(str(tmp_path / 'clip [1080p]/*.png'))
    assert found == [
        str(tmp_path / f'clip [1080p]/{number}.png') for number in (9, 10)
    ]
    assert match(str(tmp_path /
                     'clip [0-9]/9.png')) == [str(tmp_path / 'clip 1/9.png')]
