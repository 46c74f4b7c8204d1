# Copyright (c) DKSAN-MM contributors.
"""Unrelated photographs as clips of one frame."""
import os.path as osp
from collections import Counter

from dksan_mm.io.listing import is_image_name, not_taken, read_folder
from .sources import Clip


def find_photos(path: str, split: str) -> tuple[list[Clip], list[str]]:
    """Make a clip of each image in a folder.

    A clip has the name of its file, without the suffix if the names remain
    unique.

    Args:
        path (str): A folder or one image.
        split (str): Split of the clips.

    Returns:
        tuple[list[Clip], list[str]]: Clips, and sentences about files that
        are ignored.
    """
    if not osp.isdir(path):
        names = [osp.basename(path)] if is_image_name(path) else []
        others = [] if names else [osp.basename(path)]
        path = osp.dirname(path)
    else:
        content = read_folder(path)
        names = content.images
        others = content.videos + content.folders + content.others
    counts = Counter(osp.splitext(name)[0] for name in names)
    clips = []
    for name in names:
        stem = osp.splitext(name)[0]
        clips.append(
            Clip(
                stem if counts[stem] == 1 else name,
                split,
                osp.join(path, name),
                is_photo=True))
    return clips, [not_taken(path, others)] if names and others else []
