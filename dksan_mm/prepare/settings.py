# Copyright (c) DKSAN-MM contributors.
"""Settings of a preparation, and the classification of its errors."""
import os
import os.path as osp
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Settings that, with the source, determine a prepared clip.

    Attributes:
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        max_frames (int | None): Maximum number of frames per clip.
        store (str): 'png' for frames alone, or a store to add, 'array' or
            'tiles' (see :mod:`dksan_mm.io.stores.stores`).
        deinterlace (bool): Whether to deinterlace interlaced videos.
    """
    scale: int = 16
    max_frames: int | None = None
    store: str = 'png'
    deinterlace: bool = True


def is_of_source(error: Exception, out: str) -> bool:
    """Return whether an error is due to one clip, not target or machine.

    Args:
        error (Exception): Error of the preparation of a clip.
        out (str): Root of the prepared data set.
    """
    if isinstance(error, OSError):
        root = osp.realpath(out) + os.sep
        path = osp.realpath(error.filename or out) + os.sep
        return not path.startswith(root)
    return isinstance(error, ValueError)
