# Copyright (c) DKSAN-MM contributors.
"""LR and HR frames of a clip: HR is cropped, LR is given or made from HR."""
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from dksan_mm.utils.resize import matlab_resize
from .sources import Clip, iter_frames

# Frame number, and a function that returns LR and, if there is any, HR.
LazyImages = tuple[int, Callable[[], list[np.ndarray]]]
Load = Callable[[], np.ndarray]


def iter_pairs(clip: Clip,
               scale: int,
               *,
               deinterlace: bool = True,
               notes: list[str] | None = None) -> Iterator[LazyImages]:
    """Iterate over a clip's frames, which are read on demand.

    Args:
        clip (Clip): The clip.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
        deinterlace (bool): Whether to deinterlace interlaced videos.
        notes (list[str], optional): List to which notes on changes are added.

    Yields:
        tuple: Frame number, and a function that returns the LR frame and, if
        the clip has any, the HR frame, both ``(h, w, 3)``, BGR, uint8. It
        raises a ValueError if their sizes do not match.

    Raises:
        ValueError: If the frame numbers of given LR and HR differ, or the
            source is damaged.
    """
    options: dict[str, Any] = dict(
        deinterlace=deinterlace, notes=[] if notes is None else notes)
    if clip.lr is None:
        make = partial(_make_pair, clip, scale)
        for number, load in iter_frames(clip, **options):
            yield number, partial(make, load, number)
        return
    given = iter_frames(clip.lr, **options)
    nothing = None, None
    fit = partial(_fit_pair, clip, scale)
    for number, load in iter_frames(clip, **options):
        lr_number, load_lr = next(given, nothing)
        if lr_number != number:
            raise ValueError(f'{clip.lr.path}: out of step, frame {number} of '
                             f'{clip.path} has no LR frame of that number in '
                             'its place')
        yield number, partial(fit, load, load_lr, number)
    if next(given, nothing) != nothing:
        raise ValueError(f'{clip.lr.path}: has more frames than {clip.path}')


def _make_pair(clip: Clip, scale: int, load: Load,
               number: int) -> list[np.ndarray]:
    """Return LR and, unless the clip has only LR, the cropped HR frame."""
    image = load()
    if not clip.has_hr:
        return [image]
    image = _crop(clip, scale, image, number)
    return [matlab_resize(image, 1 / scale), image]


def _fit_pair(clip: Clip, scale: int, load: Load, load_lr: Load,
              number: int) -> list[np.ndarray]:
    """Return the given LR and the HR frame, cropped to the same area.

    If HR is not a multiple of the scale, the size of LR may be rounded up.
    """
    full, lr = load(), load_lr()
    hr = _crop(clip, scale, full, number)
    fits = all(
        small in (large // scale, -(-large // scale))
        for small, large in zip(lr.shape[:2], full.shape[:2]))
    if not fits:
        given = clip.lr or clip
        raise ValueError(f'{given.path}: frame {number:06d} is '
                         f'{lr.shape[1]}x{lr.shape[0]}, not 1/{scale} of its '
                         f'HR frame {full.shape[1]}x{full.shape[0]}')
    height, width = (n // scale for n in hr.shape[:2])
    return [np.ascontiguousarray(lr[:height, :width]), hr]


def _crop(clip: Clip, scale: int, image: np.ndarray,
          number: int) -> np.ndarray:
    """Crop HR to a multiple of the scale."""
    height, width = (n // scale * scale for n in image.shape[:2])
    if not height or not width:
        raise ValueError(
            f'{clip.path}: frame {number:06d} is {image.shape[1]}x'
            f'{image.shape[0]}, smaller than {scale}x{scale}')
    return image[:height, :width]
