# Copyright (c) DKSAN-MM contributors.
"""Which videos of a folder become which files, and who does which."""
import os
import os.path as osp
from dataclasses import dataclass
from typing import List, Optional, Sequence

from .inputs import find_inputs
from .writers import H264_SUFFIXES


@dataclass(frozen=True)
class Job:
    """A video to enlarge.

    Attributes:
        source (str): A video file or a folder of frames.
        target (str): The video file or folder of PNGs to write.
    """
    source: str
    target: str


def find_jobs(source: str, target: str) -> Optional[List[Job]]:
    """List the videos in a folder, or of a pattern.

    Args:
        source (str): A folder of video files and of folders with frames, or
            a pattern that stands for such.
        target (str): The folder for what is written, under the same names.

    Returns:
        list[Job] | None: In the order of their names; None if ``source`` is
        one video, folder of frames or image, or is not there.
    """
    inputs = find_inputs(source)
    if inputs is None:
        return None
    found = inputs.paths
    names = [_target_name(path) for path in found]
    return [
        Job(path,
            osp.join(target, name if names.count(name) == 1 else _long(path)))
        for path, name in zip(found, names)
    ]


def share(jobs: Sequence[Job], rank: int, world_size: int) -> List[Job]:
    """The jobs of one process: all shares are about the same size.

    Args:
        jobs (Sequence[Job]): All, the same in every process.
        rank (int): Which process.
        world_size (int): Number of processes.

    Returns:
        list[Job]: Its share; each job is in one process's.
    """
    shares: List[List[Job]] = [[] for _ in range(world_size)]
    loads = [0] * world_size
    for job in sorted(jobs, key=lambda job: -_bytes(job.source)):
        least = loads.index(min(loads))
        shares[least].append(job)
        loads[least] += _bytes(job.source)
    return shares[rank]


def _target_name(path: str) -> str:
    """``a.mkv`` for ``a.mkv``, ``a.mp4`` for ``a.avi``, ``a`` for ``a``."""
    name = osp.basename(path)
    if osp.isdir(path) or name.lower().endswith(H264_SUFFIXES):
        return name
    return f'{osp.splitext(name)[0]}.mp4'


def _long(path: str) -> str:
    """A name that no other video of the folder gets."""
    name = osp.basename(path)
    return name if osp.isdir(path) else f'{name}.mp4'


def _bytes(path: str) -> int:
    """Size of a file or of a folder's files; 0 of a pattern."""
    if osp.isdir(path):
        with os.scandir(path) as entries:
            return sum(entry.stat().st_size for entry in entries
                       if entry.is_file())
    return osp.getsize(path) if osp.isfile(path) else 0
