# Copyright (c) DKSAN-MM contributors.
"""Manifests and lists of clips."""
import pytest

from dksan_mm.prepare.manifest import read_manifest


@pytest.mark.parametrize('text', [
    '', '[]', '{"clips": {"../../etc": {"frames": 1, "has_hr": true}}}',
    '{"clips": {"a": {"frames": "1", "has_hr": true}}}', '{"clips": {"a": 1}}'
])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / 'val').mkdir()
    (tmp_path / 'val' / 'manifest.json').write_text(text)
    with pytest.raises(ValueError, match='manifest.json: damaged manifest'):
        read_manifest(str(tmp_path), 'val')
