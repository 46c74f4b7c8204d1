# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.io.file_kinds import describe_kind, not_an_image
from dksan_mm.io.images import decode_image
from dksan_mm.io.video.readers import open_source

KINDS = {
    b'\xff\x0a': 'a JPEG XL image; save it as PNG or JPEG',
    b'\0\0\0\x0cJXL \r\n\x87\n': 'a JPEG XL image; save it as PNG or JPEG',
    b'\0\0\0\x18ftypheic': 'a HEIC image; save it as PNG or JPEG',
    b'II*\0\x10\0\0\0CR\x02\0': 'a raw photograph; save it as PNG or JPEG',
    b'8BPS\0\x01': 'a Photoshop image; save it as PNG or JPEG',
    b'<?xml version="1.0"?>\n<svg ': 'an SVG drawing; save it as PNG or JPEG',
    b'\n<!DOCTYPE html>': 'a web page; download what it links to instead',
    b'version https://git-lfs.github.com/spec/v1\n':
    'a placeholder of Git LFS; git lfs pull replaces it',
    b'PK\x03\x04': 'an archive; extract it first',
    b'%PDF-1.4': 'a PDF document; save it as PNG or JPEG',
}
VIDEOS = [b'\0\0\0\x20ftypisom', b'\x1a\x45\xdf\xa3', b'RIFF\1\0\0\0AVI LIST']


@pytest.mark.parametrize('start, said', KINDS.items())
def test_kinds_that_are_not_read(start, said):
    content = start + bytes(100)
    assert describe_kind(content) == f'is {said}'
    assert describe_kind(content, is_video=True) == f'is {said}'
    with pytest.raises(ValueError) as caught:
        decode_image(content, 'a.png')
    assert str(caught.value) == f'a.png: is {said}'


@pytest.mark.parametrize('start', VIDEOS)
def test_a_video_that_is_named_like_an_image(start):
    said = 'is a video; give it the suffix of one, such as .mp4'
    assert describe_kind(start) == said
    assert describe_kind(start, is_video=True) == ''
    with pytest.raises(ValueError, match=f'a.jpg: {said}'):
        decode_image(start + bytes(100), 'a.jpg')


@pytest.mark.parametrize('start', [
    b'', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'II*\0\x08\0\0\0', b'hello',
    b'\0\0\0\x20ftypavif', b'RIFF\1\0\0\0WEBPVP8X', b'<?xml?><p>'
])
def test_kinds_that_are_read_or_not_known(start):
    assert describe_kind(start) == ''


def test_the_decoder_s_reason():
    assert str(not_an_image(
        b'', 'a', 'too short')) == ('a: not a readable image (too short)')
    assert str(not_an_image(b'', 'a')) == (
        'a: not a readable image (damaged, cut short or of another type)')


@pytest.mark.parametrize('name, start', [('a.jxl', b'\xff\x0a'),
                                         ('a.svg', b'<svg>'),
                                         ('a.mp4', b'<html><body>'),
                                         ('a.mkv', b'PK\x03\x04')])
def test_what_is_no_video_is_named(tmp_path, name, start):
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(ValueError) as caught:
        open_source(tmp_path / name)
    assert str(caught.value) == (f'{tmp_path / name}: '
                                 f'{describe_kind(start, is_video=True)}')


def test_the_content_of_a_folder_without_frames_is_named(tmp_path):
    (tmp_path / 'a.jxl').touch()
    with pytest.raises(
            ValueError, match='no image and no video in this folder, but a.j'):
        open_source(tmp_path)
