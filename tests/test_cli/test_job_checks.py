# Copyright (c) DKSAN-MM contributors.
"""Checks of jobs before any work starts."""
import argparse
from pathlib import Path

import pytest
from helpers.video_files import make_video, moving

from dksan_mm.cli.job_checks import plan_jobs
from dksan_mm.cli.jobs import Job
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.running import last_sentence


def plan(source, target, *, overwrite=False, size=None):
    return plan_jobs(
        argparse.Namespace(
            input=str(source),
            output=str(target),
            overwrite=overwrite,
            size=size))


def test_one_video_is_one_job(tmp_path):
    video = make_video(tmp_path / 'v.mkv', moving(2))
    target = str(tmp_path / 'big.mp4')
    assert plan(video, target) == ([Job(video, target)], [], 0, 1)
    Path(target).write_bytes(b'mine')
    with pytest.raises(UserError, match='big.mp4'):
        plan(video, target)
    assert plan(video, target, overwrite=True).jobs == [Job(video, target)]


def test_videos_of_a_folder_are_jobs(tmp_path):
    (tmp_path / 'in').mkdir()
    for name in 'ab':
        make_video(tmp_path / 'in' / f'{name}.mkv', moving(2))
    found = plan(tmp_path / 'in', tmp_path / 'out')
    assert [Path(job.source).name for job in found.jobs] == ['a.mkv', 'b.mkv']
    assert (found.num_done, found.num_videos) == (0, 2)
    assert (tmp_path / 'out').is_dir()
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='file is a file, and .*several vid'):
        plan(tmp_path / 'in', tmp_path / 'file')


def test_an_input_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match='none.mp4'):
        plan(tmp_path / 'none.mp4', tmp_path / 'big.mp4')


@pytest.mark.parametrize('error, said', [
    (OSError(2, 'No such file', 'a/b'), 'a/b: No such file'),
    (OSError(2, 'No such file', b'a/b'), 'a/b: No such file'),
    (OSError(2, 'No such file', b'\xff'), '\udcff: No such file'),
    (OSError('gone'), 'gone'),
    (ValueError('first\nlast'), 'last'),
])
def test_errors_are_one_sentence(error, said):
    assert last_sentence(error) == said
