# Copyright (c) DKSAN-MM contributors.
"""Copying of videos whose frames are changed on the way."""
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from dksan_mm.io.locks import claimed
from dksan_mm.io.video.base import Source, Writer
from dksan_mm.io.video.readers import open_source
from dksan_mm.io.video.targets import (check_apart, check_count,
                                       check_frame_size, check_target,
                                       is_video)
from dksan_mm.io.video.writers import CRF, FolderWriter, open_writer
from dksan_mm.utils.threads import Background, Prefetch

Restore = Callable[[Iterator[NDArray[Any]]], Iterator[NDArray[Any]]]


@dataclass
class Report:
    """Report of :func:`copy_video`.

    Attributes:
        path (str): Written file or folder.
        num_frames (int): Number of written frames.
        complaints (list[str]): One sentence for each problem of the source;
            empty if no frame is missing.
        notes (list[str]): One sentence for each property that was changed,
            such as HDR, or could not be kept, such as sound.
    """
    path: str
    num_frames: int
    complaints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def copy_video(restore: Restore,
               source: str | os.PathLike[str],
               target: str | os.PathLike[str],
               *,
               crf: int = CRF,
               fps: float | Fraction | None = None,
               deinterlace: bool = True,
               overwrite: bool = False,
               progress: Callable[[int, int], None] | None = None) -> Report:
    """Copy a video through a function that changes its frames.

    Arguments, report and errors are those of
    :func:`~dksan_mm.inference.restore_video.restore_video`.

    Args:
        restore (Callable): Function that maps an iterator of frames to an
            iterator of as many changed frames.
        source (str | PathLike): Source video.
        target (str | PathLike): File or folder to write.
        crf (int): Constant rate factor of x264.
        fps (float | Fraction, optional): Frames per second.
        deinterlace (bool): Whether to deinterlace interlaced frames.
        overwrite (bool): Whether to overwrite an existing target.
        progress (Callable, optional): Function called after each frame.

    Returns:
        Report: Path and number of the frames, and problems found.
    """
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


def with_checked_size(
    images: Iterator[NDArray[Any]], target: str | os.PathLike[str],
    output_size: Callable[[tuple[int, int]], tuple[int, int]]
) -> Iterator[NDArray[Any]]:
    """Reject frames that are too large for a target before any is upscaled.

    Args:
        images (Iterator[ndarray[h, w, 3]]): Frames of one size.
        target (str | PathLike): Video or folder to write.
        output_size (Callable): Maps height and width of a frame to those of
            the upscaled frame.

    Yields:
        ndarray[h, w, 3]: The same frames.

    Raises:
        ValueError: If the target cannot hold the upscaled frames.
    """
    for number, image in enumerate(images):
        if not number:
            height, width = image.shape[:2]
            check_frame_size(target, *output_size((height, width)))
        yield image


def _copy(source: Source, restore: Restore, writer: Writer,
          progress: Callable[[int, int], None]) -> None:
    """Read, restore and write all frames, each step in its own thread."""
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
    """Clean up after a disk error; name the target, not its part file."""
    name = os.fspath(error.filename or '')
    of_target = not name or writer.part and writer.part in name
    if not error.errno or not of_target:  # error of the source
        writer.discard()
        return error
    text = error.strerror or ''
    if isinstance(writer, FolderWriter) and writer.num_frames and \
            os.path.isdir(writer.part or ''):
        text += f'; {_done(writer)}'  # each frame is a complete file
    else:
        writer.discard()
    return OSError(error.errno, text, writer.path)


def _keep(writer: Writer) -> str:
    """Finalize an interrupted target; return a message with its path."""
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
    """Report no progress."""
