# Copyright (c) DKSAN-MM contributors.
from pathlib import Path

import numpy as np
import pytest

from dksan_mm.comparison import journal
from dksan_mm.comparison.journal import Journal
from dksan_mm.io.files import END, reserve_file
from dksan_mm.utils.errors import UserError

IMAGE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def open_journal(folder, **fingerprint):
    return Journal(str(folder / 'run'), str(folder / 'frames'), fingerprint)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a journal of two frames and a clip's scores."""
    written = open_journal(tmp_path, code='1')
    for frame in ('c/000000', 'c/000001'):
        written.add_frame(frame, IMAGE, source='s', seconds=.1)
    written.add_scores('c', 'key', [['c', '000000', {'PSNR': 1 / 3}]])
    return tmp_path


def test_what_was_written_is_there_again(folder):
    again = open_journal(folder, code='1')
    assert again.changed == []
    assert np.array_equal(again.read_frame('c/000000', 's'), IMAGE)
    assert again.facts('c/000001')['seconds'] == .1
    assert again.scores('c', 'key') == [['c', '000000', {'PSNR': 1 / 3}]]


def test_other_sources_and_keys_are_not_taken(folder):
    again = open_journal(folder, code='1')
    assert again.read_frame('c/000000', 'other') is None
    assert again.read_frame('c/000002', 's') is None
    assert again.scores('c', 'other') is None


@pytest.mark.parametrize('left', [0, 1, -1, -5])
def test_damaged_frames_are_not_taken(folder, left):
    """They are truncated, or have the same length and other content."""
    path = folder / 'frames' / 'c' / '000000.png'
    content = path.read_bytes()
    path.write_bytes(content[:left])
    assert open_journal(folder, code='1').read_frame('c/000000', 's') is None
    path.write_bytes(content[:-1] + b'x')
    again = open_journal(folder, code='1')
    assert again.read_frame('c/000000', 's') is None
    assert again.read_frame('c/000001', 's') is not None


def test_a_line_that_was_cut_off_is_dropped(folder):
    """Wherever it was cut, later lines can be read."""
    path = folder / 'run' / journal.FILE
    content = path.read_bytes()
    last = content.rindex(b'\n', 0, -1) + 1
    for end in range(last + 1, len(content)):
        path.write_bytes(content[:end])
        again = open_journal(folder, code='1')
        assert again.scores('c', 'key') is None
        assert again.has_frame('c/000001', 's')
    again.add_scores('d', 'key', [])
    assert open_journal(folder, code='1').scores('d', 'key') == []


def test_another_fingerprint_deletes_the_frames(folder):
    again = open_journal(folder, code='2', config='1')
    assert again.changed == ['code', 'config']
    assert not (folder / 'frames').exists()
    assert not again.has_frame('c/000000', 's')
    assert open_journal(folder, code='2', config='1').changed == []


def test_frames_that_no_journal_knows_are_left_alone(folder):
    (folder / 'run' / journal.FILE).unlink()
    with pytest.raises(UserError, match='not written by a comparison'):
        open_journal(folder, code='1')
    assert (folder / 'frames' / 'c' / '000000.png').exists()


def test_tidying_keeps_what_is_named(folder):
    reserve_file(str(folder / 'frames' / 'c' / '000000.png'), END)
    (folder / 'frames' / 'c' / 'mine.png').write_bytes(b'mine')
    open_journal(folder, code='1').tidy('c', ['c/000001'])
    assert sorted(p.name for p in (folder / 'frames' / 'c').iterdir()) == [
        '000001.png', 'mine.png'
    ]
    open_journal(folder, code='2')  # all frames go
    assert [p.name
            for p in (folder / 'frames' / 'c').iterdir()] == ['mine.png']


def test_digests_notice_names_and_contents(tmp_path):
    paths = [tmp_path / name for name in 'ab']
    for path in paths:
        path.write_bytes(b'same')
    digests = {journal.content_digest([str(path)]) for path in paths}
    paths[0].write_bytes(b'diff')
    digests.add(journal.content_digest([str(paths[0])]))
    assert len(digests) == 3
    assert journal.code_digest() != journal.scoring_digest()


def digested(names):
    package = Path(journal.__file__).parents[1]
    return {
        Path(path).relative_to(package).as_posix()
        for path in journal._sources(names)
    }


def test_all_code_that_frames_depend_on_is_digested():
    names = digested(journal._CODE)
    assert names >= {
        'models/dksan/dksan_net.py', 'inference/bands.py',
        'ops/deform_kernel_layer.py', 'ops/csrc/dense.cpp',
        'datasets/transforms/loading.py', 'utils/resize.py',
        'io/image_decoding.py', 'engine/runner/checkpoint.py'
    }
    assert not any(name.startswith('evaluation/metrics') for name in names)
    assert digested(journal._SCORING_CODE) >= {
        'evaluation/metrics/temporal.py',
        'evaluation/functional/image_quality.py'
    }


def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError, match='dksan_mm.modles'):
        journal._sources(['modles'])
