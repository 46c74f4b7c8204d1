# Copyright (c) DKSAN-MM contributors.
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.data_fixtures import write_frames

from dksan_mm.cli import jobs
from dksan_mm.cli.jobs import Job, find_jobs, is_done, share
from dksan_mm.io.files import part_names

IMAGE = np.zeros((4, 4, 3), np.uint8)


def listed(source, target='out'):
    found = find_jobs(str(source), target)
    return found and [(Path(j.source).name, j.target) for j in found]


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


def test_the_names_of_results_are_all_different(tmp_path):
    """This holds even if case is ignored."""
    for name in ('a.avi', 'A.mp4', 'b/clip.mp4', 'c/clip.mp4', 'a.avi.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = dict(
        (Path(job.source).relative_to(tmp_path).as_posix(), job.target)
        for job in find_jobs(str(tmp_path / '**'), 'out'))
    assert found == {
        'A.mp4': 'out/A.mp4.mp4',
        'a.avi': 'out/a.avi.mp4',
        'a.avi.mp4': 'out/a.avi.mp4.mp4',
        'b/clip.mp4': 'out/b_clip.mp4.mp4',
        'c/clip.mp4': 'out/c_clip.mp4.mp4'
    }


def test_the_folder_of_the_sources_is_no_output(tmp_path):
    videos = tmp_path / 'videos'
    videos.mkdir()
    (videos / 'a.avi').touch()
    (tmp_path / 'link').symlink_to(videos)
    for source in (videos, videos / '*', videos / '**'):
        for target in (videos, tmp_path / 'link', f'{videos}/../videos/'):
            with pytest.raises(ValueError, match='name another one'):
                find_jobs(str(source), str(target))


def test_results_are_no_sources(tmp_path):
    large = tmp_path / 'large'
    write_frames(large, [IMAGE])
    for path in (tmp_path / 'a.mp4', large / 'a.mp4'):
        path.touch()
    for source in (tmp_path, tmp_path / '**'):
        assert find_jobs(str(source), str(large)) == [
            Job(str(tmp_path / 'a.mp4'), str(large / 'a.mp4'))
        ]


def test_sources_in_a_folder_of_the_output(tmp_path):
    inner = tmp_path / 'in'
    inner.mkdir()
    (inner / 'a.mp4').touch()
    job = Job(str(inner / 'a.mp4'), str(tmp_path / 'a.mp4'))
    assert find_jobs(str(inner), str(tmp_path)) == [job]
    (tmp_path / 'a.mp4').touch()  # the result
    assert find_jobs(str(inner), str(tmp_path)) == [job]


@pytest.mark.parametrize('link', [Path.symlink_to, Path.hardlink_to])
def test_a_result_that_would_replace_a_source(tmp_path, link):
    folders = [tmp_path / name for name in ('in', 'out')]
    for folder in folders:
        folder.mkdir()
    (folders[0] / 'a.mp4').touch()
    link(folders[1] / 'a.mp4', folders[0] / 'a.mp4')
    with pytest.raises(ValueError, match='would replace the input .*in/a.mp4'):
        find_jobs(str(folders[0]), str(folders[1]))


def test_a_source_named_like_a_part_of_an_output(tmp_path):
    """A leftover part of ``a.mp4`` must not be taken for its result."""
    for name in ('a.mp4', 'a.part.mp4', 'b.part-2.mkv', 'c.party.mp4'):
        (tmp_path / name).touch()
    write_frames(tmp_path / 'a.part', [IMAGE])
    names = {
        Path(job.source).name: Path(job.target).name
        for job in find_jobs(str(tmp_path), 'out')
    }
    assert names == {
        'a.mp4': 'a.mp4',
        'a.part.mp4': 'a.part.mp4.mp4',
        'a.part': 'a.part.frames',
        'b.part-2.mkv': 'b.part-2.mkv.mp4',
        'c.party.mp4': 'c.party.mp4'
    }
    for target in names.values():
        parts = part_names(f'out/{target}')
        assert not {Path(next(parts)).name
                    for _ in range(3)} & set(names.values())


def test_what_counts_as_done(tmp_path):
    result, folder = tmp_path / 'a.mp4', tmp_path / 'a'
    assert not is_done(Job('', str(result)))
    result.touch()
    assert not is_done(Job('', str(result)))
    result.write_bytes(b'x')
    assert is_done(Job('', str(result)))
    folder.mkdir()
    assert not is_done(Job('', str(folder)))
    write_frames(folder / '..' / 'b', [IMAGE])
    assert is_done(Job('', str(tmp_path / 'b')))
    (tmp_path / 'b' / 'notes.txt').touch()
    assert not is_done(Job('', str(tmp_path / 'b')))


def test_a_folder_that_cannot_be_read_has_a_process(tmp_path, monkeypatch):
    """It is reported when it is read, and the others are upscaled."""

    def refuse(path):
        raise PermissionError(errno.EACCES, 'Permission denied', path)

    (tmp_path / 'a').mkdir()
    monkeypatch.setattr(os, 'scandir', refuse)
    job = Job(str(tmp_path / 'a'), 'out')
    assert share([job], 0, 1) == [job]


def test_a_target_on_another_drive(tmp_path, monkeypatch):
    """On Windows, such paths have no common folder."""
    (tmp_path / 'a.mp4').touch()
    common = jobs.osp.commonpath

    def commonpath(paths):
        if any('D:' in path for path in paths):
            raise ValueError("Paths don't have the same drive")
        return common(paths)

    monkeypatch.setattr(jobs.osp, 'commonpath', commonpath)
    [job] = find_jobs(str(tmp_path), '/D:/large')
    assert job.target == '/D:/large/a.mp4'
