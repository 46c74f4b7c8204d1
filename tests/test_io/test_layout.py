# Copyright (c) DKSAN-MM contributors.
"""Names of clips and frames on disk, and lists of clips."""
import pytest

from dksan_mm.io.layout import (frame_number, list_clips, list_frames, lr_dir,
                                number_frames, read_annotation)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize('path, number', [
    ('000019.png', 19),
    ('a/050_000019.png', 19),
    ('7/frame.png', None),
    ('im3.v2.jpg', 2),
    ('0.png', 0),
])
def test_the_last_number_of_a_name_is_the_frames(path, number):
    assert frame_number(path) == number


def test_folders_of_lr_clips_name_their_scale():
    assert (lr_dir(16), lr_dir(4)) == ('LRx16', 'LRx4')


def test_clips_are_folders_that_are_not_hidden(tmp_path):
    for name in ('b', 'a.b c', '.partial'):
        (tmp_path / name).mkdir()
    touch(tmp_path, 'clips.txt')
    assert list_clips(str(tmp_path)) == ['a.b c', 'b']


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    folder = touch(tmp_path / 'c', 'f10.png', 'f9.JPG', 'f11.png', '.f12.png',
                   'notes.txt', 'g13.png')
    found = number_frames(folder, 'f')
    assert list(found) == [9, 10, 11]
    assert list(found.values()) == [
        f'{folder}/{name}' for name in ('f9.JPG', 'f10.png', 'f11.png')
    ]
    assert list_frames(folder, 'f') == list(found.values())
    assert list_frames(folder, 'f', names=['f2.png']) == [f'{folder}/f2.png']
    assert list_frames(folder, 'x') == []


@pytest.mark.parametrize('names, said', [
    (['a.png'], 'a.png: no frame number in the name'),
    (['1.jpg', '01.png'], '1.jpg: same frame number as .*01.png'),
    (['3.png', '5.png'], 'frame 4 is missing .after 3.png comes 5.png'),
])
def test_frames_that_cannot_be_ordered_are_named(tmp_path, names, said):
    with pytest.raises(ValueError, match=said):
        list_frames(touch(tmp_path / 'c', *names))


def test_a_list_of_clips(tmp_path):
    path = tmp_path / 'clips.txt'
    path.write_bytes('\ufeffä b\t12\r\n\n  \nc\n'.encode())
    assert read_annotation(str(path)) == {'ä b': 12, 'c': None}


def test_a_list_of_mmagic(tmp_path):
    path = tmp_path / 'meta_info_REDS_GT.txt'
    path.write_text('000 100 (720,1280,3)\na b 9 (720, 1280, 3) \n')
    assert read_annotation(str(path)) == {'000': 100, 'a b': 9}


@pytest.mark.parametrize('line, said', [
    ('../a', "'../a' is not a clip name"),
    ('00001/0001 7 (256,448,3)', "'00001/0001' is not a clip name"),
    ('000/00000000.png (720,1280,3)', '.*a folder of frames, not a file'),
    ('..', "'..' is not a clip name"),
    ('a/', "'a/' is not a clip name"),
    ('a\tmany', "'many' after the clip a is not a number of frames"),
    ('a\t-1', "'-1' after the clip a"),
])
def test_lines_that_name_no_clip_are_refused(tmp_path, line, said):
    path = tmp_path / 'clips.txt'
    path.write_text(f'{line}\n')
    with pytest.raises(ValueError, match=f'clips.txt: {said}'):
        read_annotation(str(path))


def test_an_annotation_file_in_another_encoding(tmp_path):
    path = tmp_path / 'clips.txt'
    path.write_bytes('ä\t1\n'.encode('latin1'))
    with pytest.raises(ValueError, match=f'{path}: is not a text in UTF-8'):
        read_annotation(str(path))
