# Copyright (c) DKSAN-MM contributors.
"""From a small video to a large one."""
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray
from torch import nn

from dksan_mm.inference.scene_cuts import is_cut
from dksan_mm.io.locks import claimed
from dksan_mm.io.video.readers import Source, open_source
from dksan_mm.io.video.targets import (check_apart, check_count, check_target,
                                       is_video)
from dksan_mm.io.video.writers import CRF, FolderWriter, Writer, open_writer
from dksan_mm.models.scales import choose_scale
from dksan_mm.utils.sizes import Size
from dksan_mm.utils.threads import Background, Prefetch
from .streaming import restore_frames


@dataclass
class Report:
    """Report of what :func:`restore_video` did.

    Attributes:
        path (str): The file or folder that was written.
        num_frames (int): Frames in it.
        complaints (list[str]): A sentence for each thing that was wrong with
            the source; empty if all its frames are there.
        notes (list[str]): A sentence for each thing that was changed, such as
            HDR, or could not be kept, such as sound.
    """
    path: str
    num_frames: int
    complaints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    check_target(target, overwrite=overwrite)
    rate = None if fps is None else Fraction(fps).limit_denominator(100_000)
    opened = open_source(
        source,
        rate,
        keep_color=is_video(target),
        deinterlace=deinterlace,
        animate=not os.fspath(target).lower().endswith('.png'))
    check_apart(opened.inputs, target)
    check_count(opened, target)

    def restore(images: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        return restore_frames(
            model,
            images,
            scale=scale,
            size=size,
            tile=tile,
            ensemble=ensemble,
            is_cut=is_cut if cuts else None)

    with claimed(os.fspath(target)):
        writer = open_writer(target, opened, crf=crf, overwrite=overwrite)
        try:
            _copy(opened, restore, writer, progress or _nothing)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_keep(writer)) from None
        except OSError as error:
            raise _explain(error, writer) from error
        except BaseException:
            writer.discard()
            raise
    return Report(writer.path, writer.num_frames, opened.complaints,
                  opened.notes + writer.notes)


def _copy(source: Source, restore: Callable[[Iterator[NDArray[Any]]],
                                            Iterator[NDArray[Any]]],
          writer: Writer, progress: Callable[[int, int], None]) -> None:
    """Read, restore and write all frames, each in a thread of its own."""
    times: deque[Any] = deque()

    def images(frames: Prefetch) -> Iterator[NDArray[Any]]:
        for frame in frames:
            times.append((frame.pts, frame.duration))
            yield frame.image

    with Prefetch(source) as frames, Background(writer.write) as write:
        for done, image in enumerate(restore(images(frames)), 1):
            write(image, *times.popleft())
            progress(done, source.num_frames)
    writer.close(whole=True)


def _explain(error: OSError, writer: Writer) -> OSError:
    """Clean up after an error of the disk; name the target, not its part."""
    name = os.fspath(error.filename or '')
    of_target = not name or writer.part and writer.part in name
    if not error.errno or not of_target:  # of the source
        writer.discard()
        return error
    text = error.strerror or ''
    if isinstance(writer, FolderWriter) and writer.num_frames:
        text += f'; {_done(writer)}'  # each is a file, and whole
    else:
        writer.discard()
    return OSError(error.errno, text, writer.path)


def _keep(writer: Writer) -> str:
    """Finish what an interruption leaves; say where it is."""
    if not writer.num_frames:
        writer.discard()
        return 'stopped before the first frame'
    return f'stopped; {_done(writer)}'


def _done(writer: Writer) -> str:
    path = writer.close(whole=False)
    count = writer.num_frames
    return (f'the {"frame" if count == 1 else f"{count} frames"} done so '
            f'far: {path}')


def _nothing(*_: int) -> None:
    """Stand-in for a progress that nobody asked for."""
