# Copyright (c) DKSAN-MM contributors.
"""Languages, titles, flags and chapters."""
from fractions import Fraction

import av
import pytest
from av.stream import Disposition
from helpers.films import make_rich, upscale
from helpers.video_files import make_video, moving

from dksan_mm.io.video.tags import (copy_chapters, copy_tags, describe,
                                    find_lost, left_out, suffix_of)


@pytest.mark.parametrize('suffix', ['.mkv', '.mp4', '.mov'])
def test_languages_titles_flags_and_chapters(tmp_path, suffix):
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    source, writer = upscale(path, tmp_path / f'big{suffix}')
    assert source.complaints == [] and writer.notes == []
    with av.open(str(tmp_path / f'big{suffix}')) as container:
        _, first, second = [s for s in container.streams if s.type != 'data']
        assert [s.codec_context.name
                for s in (first, second)] == ['aac', 'ac3']
        assert [s.metadata['language']
                for s in (first, second)] == ['eng', 'fra']
        name = 'title' if suffix == '.mkv' else 'name'
        assert first.metadata[name] == 'Comments'
        assert [
            bool(s.disposition & Disposition.default) for s in (first, second)
        ] == [False, True]
        assert container.metadata['title'] == 'My film'
        chapters = [(c['metadata']['title'], c['start'] * c['time_base'],
                     c['end'] * c['time_base']) for c in container.chapters()]
    half = Fraction(1, 2)
    assert chapters == [('One', 0, half), ('Two', half, 1)]


def test_a_copy_of_a_copy_is_the_same(tmp_path):
    """Titles of MP4 tracks and the chapters' own track are not lost."""
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    upscale(path, tmp_path / 'big.mp4')
    for suffix in ('.mp4', '.mkv'):
        _, writer = upscale(tmp_path / 'big.mp4', tmp_path / f'two{suffix}')
        assert writer.notes == []
        with av.open(str(tmp_path / f'two{suffix}')) as container:
            assert len(container.chapters()) == 2
            title = container.streams[1].metadata
            assert 'Comments' in (title.get('title'), title.get('name'))


@pytest.fixture
def rich(tmp_path):
    """Return an open film with sound in two languages."""
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    with av.open(path) as container:
        yield container


def test_tracks_have_names(rich):
    video, first, second = rich.streams
    assert describe(video) == 'h264 video (track 0)'
    assert describe(first) == 'aac sound (track 1, eng)'
    assert left_out(second) == 'ac3 sound (track 2, fra) is left out'
    assert suffix_of(rich) == '.mkv'


def test_tags_are_copied_but_for_what_a_container_says_of_itself(
        rich, tmp_path):
    assert 'ENCODER' in rich.metadata
    with av.open(str(tmp_path / 'v.mp4'), 'w') as target:
        copy_tags(rich, target)
        assert dict(target.metadata) == dict(title='My film')
        copy = target.add_stream_from_template(rich.streams[1])
        copy_tags(rich.streams[1], copy)
        assert copy.metadata['language'] == 'eng'
        assert copy.metadata['title'] == 'Comments'
        assert not {key for key in copy.metadata if 'DURATION' in key}
        assert copy.disposition == rich.streams[1].disposition


@pytest.mark.parametrize('start, expected', [
    (0, [(0, Fraction(1, 2)), (Fraction(1, 2), 1)]),
    (Fraction(1, 4), [(0, Fraction(1, 4)), (Fraction(1, 4), Fraction(3, 4))]),
    (2, [(0, 0), (0, 0)]),
    (-1, [(1, Fraction(3, 2)), (Fraction(3, 2), 2)]),
])
def test_chapters_are_moved_with_the_frames(rich, tmp_path, start, expected):
    with av.open(str(tmp_path / 'v.mkv'), 'w') as target:
        copy_chapters(rich, target, Fraction(start))
        found = target.chapters()
    assert [
        tuple(chapter[name] * chapter['time_base']
              for name in ('start', 'end')) for chapter in found
    ] == expected
    assert [chapter['metadata']['title']
            for chapter in found] == ['One', 'Two']


def test_what_a_copy_has_lost_is_named(rich, tmp_path):
    copies = dict(zip(rich.streams, rich.streams))
    assert find_lost(rich, rich, copies) == []
    with av.open(
            make_video(
                tmp_path / 'v.avi',
                moving(2),
                codec='mjpeg',
                pix_fmt='yuvj420p')) as poor:
        video, sound, _ = rich.streams
        assert find_lost(rich, poor, {sound: poor.streams[0]}) == [
            'tag title left out, a .avi file cannot hold it',
            'tags language, title of aac sound (track 1, eng) left out, a '
            '.avi file cannot hold it',
            'chapters left out, a .avi file cannot hold them'
        ]
        [*_, note, _] = find_lost(rich, poor, {video: poor.streams[0]})
        assert note == ('flag default of h264 video (track 0) left out, a '
                        '.avi file cannot hold it')
