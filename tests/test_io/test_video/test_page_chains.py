# Copyright (c) DKSAN-MM contributors.
"""Lost parts of FLV and Ogg files are reported."""
import pytest
from helpers.video_files import make_video, moving

from dksan_mm.io.video.page_chains import find_damage
from dksan_mm.io.video.readers import open_source

KINDS = dict(
    flv=dict(codec='flv', pix_fmt='yuv420p'),
    ogg=dict(codec='libvpx', pix_fmt='yuv420p'))


def make(path, kind):
    return make_video(path, moving(20, (32, 48)), rate=5, **KINDS[kind])


@pytest.mark.parametrize('kind', KINDS)
def test_a_whole_file(tmp_path, kind):
    path = make(tmp_path / f'v.{kind}', kind)
    assert find_damage(path, kind) == ''
    source = open_source(path)
    assert len(list(source)) == 20 and source.complaints == []


@pytest.mark.parametrize('kind', KINDS)
def test_damage_is_found(tmp_path, kind):
    """Zeros hide the start of a tag or page, and FFmpeg skips to another."""
    path = make(tmp_path / f'v.{kind}', kind)
    content = (tmp_path / f'v.{kind}').read_bytes()
    mark = b'OggS' if kind == 'ogg' else b'\x09'
    place = content.index(mark, len(content) // 2)
    if kind == 'flv':  # a tag follows the length of the tag before
        place = next(
            n for n in range(place, len(content))
            if content[n] == 9 and content[n + 8:n +
                                           11] == bytes(3) and content[n +
                                                                       7] == 0)
    (tmp_path / f'v.{kind}').write_bytes(content[:place] + bytes(20) +
                                         content[place + 20:])
    source = open_source(path)
    assert len(list(source)) < 20
    assert source.complaints[-1] == (f'{path}: damaged at byte {place}, '
                                     'frames there are missing')


def test_damage_inside_a_page_is_found(tmp_path):
    """FFmpeg skips pages with a wrong checksum."""
    path = make(tmp_path / 'v.ogg', 'ogg')
    content = bytearray((tmp_path / 'v.ogg').read_bytes())
    place = content.rindex(b'OggS')
    content[-1] ^= 1
    (tmp_path / 'v.ogg').write_bytes(content)
    assert find_damage(path, 'ogg') == (
        f'{path}: damaged at byte {place}, frames there are missing')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('lost', [9, 100])
def test_a_file_that_is_cut_short(tmp_path, kind, lost):
    path = make(tmp_path / f'v.{kind}', kind)
    content = (tmp_path / f'v.{kind}').read_bytes()[:-lost]
    (tmp_path / f'v.{kind}').write_bytes(content)
    assert find_damage(path,
                       kind) == (f'{path}: cut short at byte {len(content)}')


def test_other_formats_and_appended_recordings(tmp_path):
    assert find_damage(make(tmp_path / 'v.flv', 'flv'), 'matroska') == ''
    content = (tmp_path / 'v.flv').read_bytes()
    (tmp_path / 'v.flv').write_bytes(2 * content)
    assert find_damage(str(tmp_path / 'v.flv'), 'flv') == ''
