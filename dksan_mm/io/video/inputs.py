# Copyright (c) DKSAN-MM contributors.
"""Inputs of the command line: one video, or several in a folder."""
import glob
import os.path as osp
import re
from typing import NamedTuple

from dksan_mm.io.listing import (Content, group_names, is_image_name,
                                 is_video_name, natural, not_taken,
                                 read_folder)


class Inputs(NamedTuple):
    """Several videos.

    Attributes:
        paths (list[str]): Video files and folders of frames.
        notes (list[str]): Sentences about files that are ignored.
    """
    paths: list[str]
    notes: list[str]


def find_inputs(source: str) -> Inputs | None:
    """List the videos in a folder or of a glob pattern.

    A folder of videos may also hold images, such as posters, and a folder of
    frames may hold a video: the majority decides. Images named like a video
    next to them are its posters and never count.

    Args:
        source (str): A folder of video files and folders of frames, or a
            pattern that matches such files and folders.

    Returns:
        Inputs | None: The videos in natural order; None if ``source`` is a
        single video, folder of frames or image, or does not exist.

    Raises:
        OSError: If the folder cannot be read.
    """
    if osp.isdir(source):
        content = read_folder(source)
        content = Content(*([osp.join(source, name) for name in names]
                            for names in content))
    elif osp.exists(source):
        return None
    else:
        content = _expand(source)
    folders = [path for path in content.folders if _has_images(path)]
    paths = sorted(content.videos + folders, key=natural)
    if not paths or _is_sequence(content, len(paths)):
        return None
    others = sorted(content.images + content.others, key=natural)
    names = [osp.basename(path) for path in others]
    return Inputs(paths, [not_taken(source, names)] if names else [])


def match(pattern: str) -> list[str]:
    """List the paths that match a glob pattern, in natural order.

    A folder before the last name that exists is meant as it is written, even
    if its name has brackets or stars.

    Args:
        pattern (str): Such as ``'clip [1080p]/*.png'``.
    """
    folder, name = osp.split(pattern)
    if osp.isdir(folder):
        pattern = osp.join(glob.escape(folder), name)
    return sorted(glob.glob(pattern, recursive=True), key=natural)


def _expand(pattern: str) -> Content:
    """List the paths that match a pattern."""
    content = Content([], [], [], [])
    for path in match(pattern):
        if osp.isdir(path):
            content.folders.append(path)
        elif not osp.isfile(path):
            content.others.append(path)
        elif is_image_name(path):
            content.images.append(path)
        elif is_video_name(path):
            content.videos.append(path)
        else:
            content.others.append(path)
    return content


def _has_images(folder: str) -> bool:
    try:
        return bool(read_folder(folder).images)
    except OSError:
        return True  # reading it reports the reason


def _is_sequence(content: Content, num_videos: int) -> bool:
    """Return whether a folder mainly holds frames, not videos."""
    stems = tuple(osp.splitext(path)[0] for path in content.videos)
    images = [path for path in content.images if not path.startswith(stems)] \
        if stems else content.images
    if not content.videos:
        return len(images) > num_videos
    numbered = [
        len(group) for form, group in group_names(images).items() if form
    ]
    return max(numbered, default=0) > num_videos


def is_address(path: str) -> bool:
    """Return whether a path is a network address, such as ``http://...``."""
    return bool(re.match('[A-Za-z][A-Za-z0-9+.-]+://', path))
