# Copyright (c) DKSAN-MM contributors.
"""Upscaling of video files."""
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from numpy.typing import NDArray
from torch import nn

from dksan_mm.io.video.writers import CRF
from dksan_mm.models.scales import choose_model_scale
from dksan_mm.utils.sizes import Size
from .scene_cuts import is_cut
from .streaming import output_size, restore_frames
from .video_copy import Report, copy_video, with_checked_size


def restore_video(
        model: nn.Module,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        scale: int | None = None,
        size: Size | None = None,
        tile: int | str | None = 'auto',
        ensemble: bool | int | None = None,
        cuts: bool = True,
        crf: int = CRF,
        fps: float | Fraction | None = None,
        deinterlace: bool = True,
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None) -> Report:
    """Upscale a video of any length in constant memory.

    Decoding, the network and encoding run in parallel. A truncated source is
    upscaled up to its last readable frame, and the report says so. Ctrl-C
    leaves the finished frames in ``big.part.mp4`` for ``big.mp4``, or in
    ``big.part-2.mp4`` if that exists. Only the target is ever overwritten.

    Args:
        model (nn.Module): Model from :func:`init_model`.
        source (str | PathLike): Video file, folder of PNG or JPEG frames, file
            name pattern of frames, or single image.
        target (str | PathLike): Video (.mp4, .mkv, .mov, .m4v), which keeps
            the source's timestamps and sound; .png for a single image; else a
            folder for PNG frames.
        scale (int, optional): As in :func:`restore_frames`.
        size (tuple, optional): As in :func:`restore_frames`.
        tile (int | str | None): As in :func:`restore_frames`.
        ensemble (bool | int, optional): As in :func:`restore_frames`.
        cuts (bool): Whether to restore each scene separately.
        crf (int): Constant rate factor of x264, from 0 (lossless) to 51.
        fps (float | Fraction, optional): Frames per second of images
            (default: 25); for a video, it replaces the timestamps.
        deinterlace (bool): Whether to deinterlace interlaced frames.
        overwrite (bool): Whether to overwrite an existing target.
        progress (Callable, optional): Called after each frame with the number
            of finished frames and the total number, 0 if unknown.

    Returns:
        Report: Path and number of the frames, and problems found.

    Raises:
        FileExistsError: If the target exists or another run is writing it. If
            it appears meanwhile, the message says where the frames are.
        FileNotFoundError: If the source or the target's folder is missing.
        ValueError: If the network lacks the scale or size, the source has no
            frames, or the target cannot hold them. No file is left.
        OSError: For example, if the disk is full. Finished frames in a folder
            are kept, and the message says where; otherwise no file is left.
        KeyboardInterrupt: On Ctrl-C. The message says where the frames are.
    """
    choose_model_scale(model, scale)

    def restore(images: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        return restore_frames(
            model,
            with_checked_size(
                images, target,
                partial(output_size, model, scale=scale, size=size)),
            scale=scale,
            size=size,
            tile=tile,
            ensemble=ensemble,
            is_cut=is_cut if cuts else None)

    return copy_video(
        restore,
        source,
        target,
        crf=crf,
        fps=fps,
        deinterlace=deinterlace,
        overwrite=overwrite,
        progress=progress)
