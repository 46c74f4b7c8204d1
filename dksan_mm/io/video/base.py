# Copyright (c) DKSAN-MM contributors.
"""Base classes of all sources and writers of frames."""
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from dksan_mm.io.files import move_new, move_to_free_name, part_names, remove
from dksan_mm.utils.errors import name_file
from .color import Color


@dataclass(frozen=True)
class Frame:
    """A frame with its presentation time.

    Attributes:
        image (ndarray[uint8, h, w, 3]): RGB.
        pts (int): Presentation time in units of the source's ``time_base``.
        duration (int): Duration in the same units; 0 if unknown.
    """
    image: NDArray[Any]
    pts: int
    duration: int


class Source:
    """Base class of all sources.

    Iterating yields each :class:`Frame` once, in order. If the rest of a
    source is unusable (damaged, of another size, or on a drive that is gone),
    the iteration ends and ``complaints`` states the reason.

    Attributes:
        path (str): Path as the user named it.
        rate (Fraction): Average frame rate in Hz.
        time_base (Fraction): Unit of ``Frame.pts`` in seconds.
        num_frames (int): Number of frames if known in advance; else 0.
        sample_aspect (Fraction): Pixel aspect ratio, width to height.
        tracks (str | None): File whose sound, subtitles, chapters and tags
            belong to the frames.
        keeps_time (bool): Whether the frames keep the times of that file;
            otherwise only its tags apply to them.
        color (Color): Colour space of the frames.
        complaints (list[str]): Errors; complete after the iteration.
        notes (list[str]): Changes that lose no frame; complete after the
            iteration.
    """
    sample_aspect = Fraction(1)
    color = Color()
    tracks: str | None = None
    keeps_time = True

    def __init__(self, path: str, rate: Fraction, num_frames: int) -> None:
        self.path, self.rate, self.num_frames = path, rate, num_frames
        self.time_base = 1 / rate
        self.complaints: list[str] = []
        self.notes: list[str] = []

    @property
    def inputs(self) -> list[str]:
        """Files that are read."""
        return [self.path]

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames, all of one size.

        Raises:
            ValueError: If the source has no first frame; names the path.
            OSError: If the first frame cannot be read.
        """
        number, size = 0, None
        try:
            for frame in self._read():
                size = size or frame.image.shape
                _check_size(frame, size, f'{self.path}: frame {number}')
                number += 1
                yield frame
        except (OSError, ValueError) as error:
            if not number:
                raise
            self.complaints.append(name_file(error) or str(error))

    def _read(self) -> Iterator[Frame]:
        raise NotImplementedError


def _check_size(frame: Frame, size: tuple[int, ...], name: str) -> None:
    if frame.image.shape != size:
        h, w = frame.image.shape[:2]
        raise ValueError(f'{name} is {w}x{h}, the frames before it are '
                         f'{size[1]}x{size[0]}')


class Writer:
    """Base class of all writers.

    Args:
        path (str): Path of the target.
        source (Source): Source of the frames that are upscaled.
        overwrite (bool): Whether the target may be replaced.

    Attributes:
        path (str): Path of the target.
        part (str | None): Temporary path; None before the first frame.
        num_frames (int): Number of frames written.
        notes (list[str]): Sentences about what was left out.
    """

    def __init__(self,
                 path: str,
                 source: Source,
                 *,
                 overwrite: bool = False) -> None:
        self.path, self.source, self.overwrite = path, source, overwrite
        self.part: str | None = None
        self.num_frames = 0
        self.notes: list[str] = []

    def write(self, image: NDArray[Any], pts: int, duration: int) -> None:
        """Append a frame.

        Args:
            image (ndarray[uint8, h, w, 3]): RGB.
            pts (int): Presentation time in the source's ``time_base``.
            duration (int): Duration in the same units; 0 if unknown.

        Raises:
            OSError: If the frame cannot be written, e.g. to a full disk.
            ValueError: If the target cannot hold it.
        """
        raise NotImplementedError

    def close(self, *, whole: bool) -> str:
        """Finish the output and move it to the target.

        Args:
            whole (bool): If False, the output is named ``big.part.mp4``
                instead of ``big.mp4``, or ``big.part-2.mp4`` if that exists.

        Returns:
            str: Path of the output.

        Raises:
            FileExistsError: If the target has been created meanwhile; names
                the file with the frames.
            OSError: If the output cannot be moved; names that file, too.
        """
        if not whole:
            return self._keep()
        try:
            self._move()
        except (FileExistsError, IsADirectoryError) as error:
            raise FileExistsError(
                f'{self.path} has appeared or changed in the meantime and is '
                f'not replaced; the frames are in {self._keep()}') from error
        except OSError as error:  # e.g. the target is a mount point
            raise OSError(f'{self.path} cannot be replaced ({error.strerror});'
                          f' the frames are in {self._keep()}') from error
        self.part = None
        return self.path

    def _keep(self) -> str:
        path, self.part = self._begun(), None  # keeps the frames written
        try:
            return move_to_free_name(path, part_names(self.path))
        except OSError:
            return path

    def _move(self) -> None:
        if self.overwrite:
            os.replace(self._begun(), self.path)
        else:
            move_new(self._begun(), self.path)

    def _begun(self) -> str:
        """Return the temporary path; it exists from the first frame on."""
        if self.part is None:
            raise ValueError(f'{self.path}: no frame has been written')
        return self.part

    def discard(self) -> None:
        """Remove the unfinished output."""
        if self.part is not None:
            remove(self.part)
            self.part = None
