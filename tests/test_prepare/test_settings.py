# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.prepare.settings import is_of_source


@pytest.mark.parametrize('error, expected', [
    (ValueError('a.png: empty'), True),
    (PermissionError(13, 'Permission denied', '/source/a.mp4'), True),
    (PermissionError(13, 'Permission denied', '/out/train'), False),
    (OSError(28, 'No space left on device'), False),
    (OSError(28, 'No space left on device', '/out/train/HR/a'), False),
    (RuntimeError('a worker died'), False),
])
def test_only_a_wrong_source_is_skipped(error, expected):
    assert is_of_source(error, '/out') == expected
