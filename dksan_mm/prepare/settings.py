# Copyright (c) DKSAN-MM contributors.
"""Settings of a preparation, and whose fault an error of it is."""
import os
import os.path as osp
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Settings that decide a prepared clip's content, with its source.

    Attributes:
        scale (int): HR pixels per LR pixel along each axis.
        max_frames (int | None): Frames to take from each clip's beginning.
        store (str): 'png', or what to add to the frames, 'array' or 'tiles'
            (see :mod:`dksan_mm.io.stores.stores`).
        deinterlace (bool): Whether interlaced videos are deinterlaced.
    """
    scale: int = 16
    max_frames: int | None = None
    store: str = 'png'
    deinterlace: bool = True


def is_of_source(error: Exception, out: str) -> bool:
    """Return whether it is one clip that is wrong, not target or machine.

    Args:
        error (Exception): What the preparation of a clip raised.
        out (str): Root of the prepared data set.
    """
    if isinstance(error, OSError):
        root = osp.realpath(out) + os.sep
        path = osp.realpath(error.filename or out) + os.sep
        return not path.startswith(root)
    return isinstance(error, ValueError)
