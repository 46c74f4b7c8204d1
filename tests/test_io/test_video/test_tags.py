# Copyright (c) DKSAN-MM contributors.
"""Languages, titles, flags and chapters."""
from fractions import Fraction

import av
import pytest
from av.stream import Disposition
from helpers.films import make_rich, upscale


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
    """Titles of MP4 tracks and the chapters' own track are no loss."""
    path = make_rich(tmp_path / 'rich.mkv', tmp_path)
    upscale(path, tmp_path / 'big.mp4')
    for suffix in ('.mp4', '.mkv'):
        _, writer = upscale(tmp_path / 'big.mp4', tmp_path / f'two{suffix}')
        assert writer.notes == []
        with av.open(str(tmp_path / f'two{suffix}')) as container:
            assert len(container.chapters()) == 2
            title = container.streams[1].metadata
            assert 'Comments' in (title.get('title'), title.get('name'))
