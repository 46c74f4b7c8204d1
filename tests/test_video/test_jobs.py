# Copyright (c) DKSAN-MM contributors.
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import write_frames

from dksan_mm.video.jobs import Job, find_jobs, share

IMAGE = np.zeros((4, 4, 3), np.uint8)


def listed(source, target='out'):
    jobs = find_jobs(str(source), target)
    return jobs and [(Path(j.source).name, j.target) for j in jobs]


def test_videos_and_folders_of_frames(tmp_path):
    for name in ('a.mp4', 'b.avi', 'c.MKV', 'notes.txt', '.d.mp4'):
        (tmp_path / name).touch()
    write_frames(tmp_path / 'e.1', [IMAGE])
    (tmp_path / 'empty').mkdir()
    expected = [('a.mp4', 'out/a.mp4'), ('b.avi', 'out/b.mp4'),
                ('c.MKV', 'out/c.MKV'), ('e.1', 'out/e.1')]
    assert listed(tmp_path) == expected
    assert listed(tmp_path / '[ab].*') == expected[:2]


def test_equal_names_are_kept_apart(tmp_path):
    for name in ('a.avi', 'a.mp4', 'a.webm'):
        (tmp_path / name).touch()
    assert listed(tmp_path) == [('a.avi', 'out/a.avi.mp4'),
                                ('a.mp4', 'out/a.mp4.mp4'),
                                ('a.webm', 'out/a.webm.mp4')]


def test_what_is_one_video(tmp_path):
    folder = write_frames(tmp_path / 'frames', [IMAGE] * 2)
    (folder / 'a.mp4').touch()
    for path in (folder, folder / '*.png', folder / 'a.mp4',
                 folder / '000000.png', folder / 'nothing', '/dev/null'):
        assert find_jobs(str(path), 'out') is None


@pytest.mark.parametrize('world_size', [1, 2, 3, 7])
def test_each_job_has_one_process(tmp_path, world_size):
    jobs = []
    for number, size in enumerate([50, 10, 40, 30, 20]):
        (tmp_path / f'{number}.mp4').write_bytes(bytes(size))
        jobs.append(Job(str(tmp_path / f'{number}.mp4'), str(number)))
    shares = [share(jobs, rank, world_size) for rank in range(world_size)]
    assert sorted(sum(shares, []), key=jobs.index) == jobs
    if world_size == 3:
        sizes = [sum(Path(j.source).stat().st_size for j in s) for s in shares]
        assert sorted(sizes) == [50, 50, 50]
