# Copyright (c) DKSAN-MM contributors.
"""From a small video to a large one."""
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray
from torch import nn

from dksan_mm.inference.scene_cuts import is_cut
from dksan_mm.io.video.writers import CRF
from dksan_mm.models.scales import choose_scale
from dksan_mm.utils.sizes import Size
from .streaming import restore_frames
from .video_copy import Report, copy_video


def restore_video(
        model: nn.Module,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        scale: int | None = None,
        size: Size | None = None,
        tile: int | str | None = 'auto',
        ensemble: bool = False,
        cuts: bool = True,
        crf: int = CRF,
        fps: float | Fraction | None = None,
        deinterlace: bool = True,
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None) -> Report:
    """Upscale a video; its length does not matter to the memory.

    Decoding, the network and encoding overlap. A source that breaks off is
    upscaled as far as it goes, and the report names it. Ctrl-C leaves what is
    done as ``big.part.mp4`` for ``big.mp4``, or ``big.part-2.mp4`` if that
    exists. No file is replaced but the target, if it may be.

    Args:
        model (nn.Module): From :func:`init_model`.
        source (str | PathLike): A video file, a folder of PNG or JPEG frames,
            a pattern of such, or one image.
        target (str | PathLike): A video (.mp4, .mkv, .mov, .m4v), which gets
            the source's frame times and sound; a .png for one image; else a
            folder of PNGs.
        scale (int, optional): As in :func:`restore_frames`.
        size (tuple, optional): As in :func:`restore_frames`.
        tile (int | str | None): As in :func:`restore_frames`.
        ensemble (bool): As in :func:`restore_frames`.
        cuts (bool): Whether scenes are restored apart from one another.
        crf (int): x264's constant rate factor, 0 (lossless) to 51.
        fps (float | Fraction, optional): Frames per second of images (25 if
            not given); of a video it replaces the frames' own times.
        deinterlace (bool): Whether interlaced frames are deinterlaced.
        overwrite (bool): Whether the target may exist.
        progress (Callable, optional): Called after each frame with the number
            of frames done and of all, the latter 0 if it is not known.

    Returns:
        Report: Where the frames are, how many, and what was wrong.

    Raises:
        FileExistsError: If the target exists, or another run is writing it;
            if it appears in the meantime, the text says where the frames are.
        FileNotFoundError: If there is no source, or no folder for the target.
        ValueError: If the network has no such scale or size, the source holds
            no frame, or the target cannot hold them; no file is left.
        OSError: If the disk is full, for example. Of a folder, what is done
            is kept, and the text says where; no file is left otherwise.
        KeyboardInterrupt: On Ctrl-C; its text says where the frames are.
    """
    network: Any = model.generator
    choose_scale(network, scale)

    def restore(images: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        return restore_frames(
            model,
            images,
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
