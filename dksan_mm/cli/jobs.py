# Copyright (c) DKSAN-MM contributors.
"""Jobs: videos of a folder, their outputs, and their processes."""
import os
import os.path as osp
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dksan_mm.io.files import PART_NAME
from dksan_mm.io.video.inputs import find_inputs
from dksan_mm.io.video.targets import H264_SUFFIXES, OUR_NAME


@dataclass(frozen=True)
class Job:
    """A video to upscale.

    Attributes:
        source (str): Path of a video file or a folder of frames.
        target (str): Path of the video file or folder of PNGs to write.
    """
    source: str
    target: str


def find_jobs(source: str, target: str) -> list[Job] | None:
    """List the videos in a folder or of a pattern.

    Args:
        source (str): A folder of video files and folders of frames, or a
            pattern that matches such files and folders.
        target (str): Folder for the outputs, which have the same names.

    Returns:
        list[Job] | None: Jobs in natural order; None if ``source`` is a
        single video, folder of frames or image, or does not exist. Results in
        ``target`` are not sources.

    Raises:
        ValueError: If all videos are in ``target``, or one would be replaced.
        OSError: If the folder cannot be read.
    """
    inputs = find_inputs(source)
    if inputs is None:
        return None
    paths = _sources(inputs.paths, source, target)
    jobs = [
        Job(path, osp.join(target, name))
        for path, name in zip(paths, _target_names(paths))
    ]
    _check_apart(jobs)
    return jobs


def is_done(job: Job) -> bool:
    """Return whether the result of a job exists.

    An empty file or folder is not a result, nor is a folder with anything but
    frames that this package wrote.
    """
    if not osp.isdir(job.target):
        return osp.isfile(job.target) and osp.getsize(job.target) > 0
    names = os.listdir(job.target)
    return bool(names) and all(map(OUR_NAME.fullmatch, names))


def _sources(paths: Sequence[str], source: str, target: str) -> list[str]:
    """Leave out paths in the target, which are results.

    Raises:
        ValueError: If all are in the target: results cannot be told apart.
    """
    inside = [
        path for path in paths
        if _is_inside(osp.dirname(path), target) or _is_same(path, target)
    ]
    folder = _common_folder(paths)
    if inside and _is_inside(folder, target) and not _is_same(folder, target):
        return list(paths)  # the target contains the folder of sources
    if len(inside) == len(paths):
        raise ValueError(f'{target}: the videos of {source} are in this '
                         'folder; name another one for the output')
    return [path for path in paths if path not in inside]


def _is_inside(path: str, folder: str) -> bool:
    """Return whether a path, with links resolved, is in or equals a folder."""
    folder = osp.realpath(folder)
    try:
        return osp.commonpath([osp.realpath(path), folder]) == folder
    except ValueError:  # on another drive of Windows
        return False


def _is_same(path: str, other: str) -> bool:
    try:
        return osp.samefile(path or '.', other)
    except OSError:
        return False


def _check_apart(jobs: Sequence[Job]) -> None:
    """Reject a target that is a source or a folder that holds one.

    Raises:
        ValueError: If there is such a target.
    """
    files, folders = {}, {}
    for job in jobs:
        files[_identity(job.source)] = job.source
        for folder in Path(osp.realpath(job.source)).parents:
            folders[str(folder)] = job.source
    for job in jobs:
        identity = _identity(job.target)
        path = files.get(identity) or folders.get(osp.realpath(job.target))
        if identity is not None and path is not None:
            raise ValueError(f'{job.target}, the output for {job.source}, '
                             f'would replace the input {path}; name another '
                             'folder')


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode, which links share; None if missing."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _common_folder(paths: Sequence[str]) -> str:
    return osp.commonpath([osp.dirname(path) or '.' for path in paths]) or '.'


def _target_names(paths: Sequence[str]) -> list[str]:
    """Return names for all sources that are unique even if case is ignored.

    The names depend only on the sources, so they are equal in each run.
    """
    names = [_target_name(path) for path in paths]
    root = _common_folder(paths)
    for rename in (_long, lambda path: _with_folders(path, root)):
        counts = Counter(map(_plain, names))
        names = [
            name if counts[_plain(name)] == 1 else rename(path)
            for name, path in zip(names, paths)
        ]
    taken: set[str] = set()
    for index, name in enumerate(names):
        stem, suffix = osp.splitext(name)
        number = 1
        while _plain(names[index]) in taken:
            number += 1
            names[index] = f'{stem}-{number}{suffix}'
        taken.add(_plain(names[index]))
    return names


def _plain(name: str) -> str:
    return unicodedata.normalize('NFC', name).casefold()


def _with_folders(path: str, root: str) -> str:
    """Return ``b_a.avi.mp4`` for ``root/b/a.avi``."""
    folders = osp.relpath(osp.dirname(path) or '.', root)
    parts = [part for part in folders.split(os.sep) if part != os.curdir]
    return '_'.join([*parts, _long(path)])


def share(jobs: Sequence[Job], rank: int, world_size: int) -> list[Job]:
    """Return the jobs of one process, with similar work for all processes.

    Args:
        jobs (Sequence[Job]): All jobs, the same in every process.
        rank (int): Rank of the process.
        world_size (int): Number of processes.

    Returns:
        list[Job]: Its jobs; each job belongs to exactly one process.
    """
    shares: list[list[Job]] = [[] for _ in range(world_size)]
    loads = [0] * world_size
    for job in sorted(jobs, key=lambda job: -_bytes(job.source)):
        least = loads.index(min(loads))
        shares[least].append(job)
        loads[least] += _bytes(job.source)
    return shares[rank]


def _target_name(path: str) -> str:
    """Name an output: ``a.mkv`` and a folder ``a`` alike, ``a.avi`` as MP4.

    Names of incomplete outputs, such as ``a.part.mp4``, are never used.
    """
    name = osp.basename(path)
    if PART_NAME.search(name):
        return _long(path) if not osp.isdir(path) else f'{name}.frames'
    if osp.isdir(path) or name.lower().endswith(H264_SUFFIXES):
        return name
    return f'{osp.splitext(name)[0]}.mp4'


def _long(path: str) -> str:
    """Return a name that no other video of the folder gets."""
    name = osp.basename(path)
    return name if osp.isdir(path) else f'{name}.mp4'


def _bytes(path: str) -> int:
    """Return the size of a file or of a folder's files; 0 if unreadable."""
    try:
        if osp.isdir(path):
            with os.scandir(path) as entries:
                return sum(entry.stat().st_size for entry in entries
                           if entry.is_file())
        return osp.getsize(path)
    except OSError:
        return 0  # reading it reports the reason
