# Copyright (c) DKSAN-MM contributors.
"""Whole data sets, clip by clip in one process."""
import errno
import os

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.prepare import data_set
from dksan_mm.prepare.data_set import Preparation, verify_data_set
from dksan_mm.prepare.layouts import Source
from dksan_mm.prepare.manifest import read_manifest
from dksan_mm.prepare.settings import Settings


def noise(count, size=(32, 48)):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


@pytest.fixture
def calls(monkeypatch):
    """Record the arguments of calls that would run in worker processes."""
    called = []

    def run(function, tasks, progress, jobs):
        for task in tasks:
            called.append((task, progress, jobs))
            try:
                yield task, function(task, lambda: None)
            except (OSError, ValueError) as error:
                yield task, error

    monkeypatch.setattr(data_set, 'run_parallel', run)
    monkeypatch.setattr(cv2, 'setNumThreads', lambda count: None)
    return called


def start(folder, *, said=None, **kwargs):
    """Prepare the clips in {folder}/in to {folder}/out."""
    said = [] if said is None else said
    settings = Settings(16, *kwargs.pop('settings', ()))
    clips = Source(str(folder / 'in'), 16).select([])
    return Preparation(
        clips,
        str(folder / 'out'),
        settings=settings,
        report=said.extend,
        **kwargs)


def test_clips_are_prepared_the_longest_first_and_recorded(tmp_path, calls):
    for name, count in (('a', 1), ('b', 3), ('c', 2)):
        write_frames(tmp_path / 'in' / name, noise(count))
    preparation = start(tmp_path)
    assert preparation.run(2) is None and preparation.failures == []
    assert [(task[0].name, jobs) for task, _, jobs in calls] == [('b', 2),
                                                                 ('c', 2),
                                                                 ('a', 2)]
    out = tmp_path / 'out'
    entries = read_manifest(str(out), 'train')
    assert {n: e['frames'] for n, e in entries.items()} == dict(a=1, b=3, c=2)
    assert (out / 'train/clips.txt').read_text() == 'a\t1\nb\t3\nc\t2\n'
    assert verify_data_set(str(out), [], 16, 1) == (3, [])
    # What was prepared is handed to the workers, which then skip it.
    start(tmp_path).run(1)
    assert [task[3] for task, *_ in calls[-3:]
            ] == [entries[name] for name in ('b', 'c', 'a')]


@pytest.mark.parametrize('settings, total', [((), 5), ((2, ), 4),
                                             ((None, 'tiles'), 10)])
def test_frames_of_all_clips_are_counted_before(tmp_path, calls, settings,
                                                total):
    for name, count in (('a', 2), ('b', 3)):
        write_frames(tmp_path / 'in' / name, noise(count))
    start(tmp_path, settings=settings).run(1)
    assert calls[0][1].frames == total


@pytest.mark.parametrize('skip_bad', [False, True])
def test_a_damaged_clip_stops_the_run_or_is_left_out(tmp_path, calls,
                                                     skip_bad):
    write_frames(tmp_path / 'in' / 'a', noise(1))
    bad = write_frames(tmp_path / 'in' / 'b', noise(2))
    (bad / '000001.png').write_bytes(b'')
    preparation = start(tmp_path, skip_bad=skip_bad)
    stopped_by = preparation.run(1)
    assert preparation.failures == [f'{bad}/000001.png: empty file (0 bytes)']
    entries = read_manifest(str(tmp_path / 'out'), 'train')
    if skip_bad:
        assert stopped_by is None and list(entries) == ['a']
    else:
        assert isinstance(stopped_by, ValueError) and not entries


def test_a_full_disk_stops_the_run_even_so(tmp_path, calls, monkeypatch):
    write_frames(tmp_path / 'in' / 'a', noise(1))

    def full(self, known):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(data_set.ClipWriter, 'run', full)
    preparation = start(tmp_path, skip_bad=True)
    assert isinstance(preparation.run(1), OSError)
    assert preparation.failures == ['target: no space left on the disk']


def test_notes_are_reported_once(tmp_path, calls):
    image = np.full((32, 48, 4), 128, np.uint8)  # transparent
    write_frames(tmp_path / 'in' / 'a', [image])
    said = []
    start(tmp_path, said=said).run(1)
    [note] = said
    assert 'transparent' in note
    start(tmp_path, said=said).run(1)
    assert len(said) == 1


def test_problems_of_a_data_set(tmp_path, calls):
    write_frames(tmp_path / 'in' / 'a', noise(2))
    start(tmp_path).run(1)
    out = tmp_path / 'out'
    (out / 'train/HR/a/000001.png').unlink()
    (out / 'train/.partial/b').mkdir(parents=True)
    count, problems = verify_data_set(str(out), [], 16, 1)
    assert count == 1
    assert problems[0] == (f'{out}/train/.partial/b: unfinished; run the '
                           'preparation again')
    assert f'{out}/train/HR/a/000001.png: missing' in problems
