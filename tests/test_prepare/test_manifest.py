# Copyright (c) DKSAN-MM contributors.
"""Manifests and lists of clips."""
import pytest

from dksan_mm.prepare.manifest import (manifest_path, read_manifest,
                                       write_annotation, write_manifest)


@pytest.mark.parametrize('text', [
    '', '[]', '{"clips": {"../../etc": {"frames": 1, "has_hr": true}}}',
    '{"clips": {"a": {"frames": "1", "has_hr": true}}}', '{"clips": {"a": 1}}'
])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / 'val').mkdir()
    (tmp_path / 'val' / 'manifest.json').write_text(text)
    with pytest.raises(ValueError, match='manifest.json: damaged manifest'):
        read_manifest(str(tmp_path), 'val')


def test_a_manifest_comes_back_as_it_was_written(tmp_path):
    out = str(tmp_path)
    assert read_manifest(out, 'val') == {}
    (tmp_path / 'val').mkdir()
    clips = {
        'é b': dict(frames=2, has_hr=True),
        'a': dict(frames=1, has_hr=False, photo=True)
    }
    write_manifest(out, 'val', clips)
    assert manifest_path(out, 'val') == str(tmp_path / 'val/manifest.json')
    assert read_manifest(out, 'val') == clips
    assert list(read_manifest(out, 'val')) == ['a', 'é b']
    assert (tmp_path / 'val/clips.txt').read_text('utf-8') == 'é b\t2\n'
    assert (tmp_path / 'val/photos.txt').read_text('utf-8') == 'a\t1\n'


def test_lists_are_written_where_they_differ(tmp_path):
    out, entry = str(tmp_path), dict(frames=3, has_hr=True)
    (tmp_path / 'val').mkdir()
    write_annotation(out, 'val', {})
    assert list((tmp_path / 'val').iterdir()) == []  # no new empty list
    path = tmp_path / 'val/clips.txt'
    path.write_text('a\t2\n')
    write_annotation(out, 'val', dict(a=entry))
    assert path.read_text() == 'a\t3\n'
    made = path.stat()
    write_annotation(out, 'val', dict(a=entry))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (made.st_ino,
                                                             made.st_mtime_ns)
    write_annotation(out, 'val', {})
    assert path.read_text() == ''  # of no clip any more
