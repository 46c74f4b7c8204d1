# Copyright (c) DKSAN-MM contributors.
"""Which videos of a folder become which files, and who does which."""
import glob
import os
import os.path as osp
from dataclasses import dataclass
from typing import List, Optional, Sequence

from dksan_mm.prepare.layout import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from .readers import list_images
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
    if osp.isdir(source):
        names = sorted(name for name in os.listdir(source) if name[0] != '.')
        if any(name.lower().endswith(IMAGE_SUFFIXES) for name in names):
            return None
        paths = [osp.join(source, name) for name in names]
    elif osp.exists(source):
        return None
    else:
        paths = sorted(glob.glob(source, recursive=True))
    found = [path for path in paths if _is_clip(path)]
    if not found:
        return None
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


def _is_clip(path: str) -> bool:
    if osp.isdir(path):
        return bool(list_images(path))
    return path.lower().endswith(VIDEO_SUFFIXES)


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
    if osp.isdir(path):
        return sum(osp.getsize(image) for image in list_images(path))
    return osp.getsize(path)
