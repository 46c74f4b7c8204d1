# Copyright (c) DKSAN-MM contributors.
"""Writers of frames to an H.264 video, a folder of PNGs or one PNG.

The output is written under a hidden, unpredictable name in the target's folder
and moved to the target when it is finished. Nothing else is replaced or
removed, and the target only if the user asks for it.
"""
import errno
import os
import os.path as osp
from typing import Any

import av
from numpy.typing import NDArray

from dksan_mm.io.files import (move_new, move_to_free_name, new_folder,
                               part_names, remove, reserve_file)
from dksan_mm.io.images import write_png
from .pixels import to_yuv
from .readers import Source
from .targets import (H264_SUFFIXES, OUR_NAME, check_folder, check_frame_size,
                      too_many)
from .tracks import TrackCopy, copy_tags_alone

CRF = 12  # chosen here: hardly distinguishable from the frames
FRAME_NAME = '{:06d}.png'
_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION of FFmpeg


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


class VideoWriter(Writer):
    """Writes H.264 with the source's frame times, aspect ratio and tracks.

    The file is tagged with the colours of the frames: those of the source, or
    BT.709 if the source has no tags or is HDR.

    Args:
        path (str): Path of the target; its suffix selects the container.
        source (Source): Source of the frames that are upscaled.
        crf (int): x264's constant rate factor, 0 (lossless) to 51.
        overwrite (bool): Whether the target may be replaced.
    """

    def __init__(self,
                 path: str,
                 source: Source,
                 *,
                 crf: int = CRF,
                 overwrite: bool = False) -> None:
        super().__init__(path, source, overwrite=overwrite)
        self._crf, self._flushed, self._lift = crf, False, 0
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._tracks: TrackCopy | None = None

    def write(self, image: NDArray[Any], pts: int, duration: int) -> None:
        """Append a frame; see :class:`Writer`."""
        if self._container is None:
            # Players do not show frames before time zero.
            self._lift = max(0, -pts)
            self._open(*image.shape[:2])
        elif not osp.lexists(self._begun()):
            # FFmpeg would go on writing to the removed file.
            raise FileNotFoundError(errno.ENOENT,
                                    'the unfinished file has been removed',
                                    self.path)
        frame = to_yuv(image, self.source.color.matrix)
        pts += self._lift
        frame.time_base, frame.pts = self.source.time_base, pts
        frame.duration = duration
        self._encode(frame)
        if self._tracks:
            self._tracks.copy_until(pts * self.source.time_base)
        self.num_frames += 1

    def close(self, *, whole: bool) -> str:
        """Finish the file; see :class:`Writer`."""
        if not self._flushed:  # an interrupt may lead here a second time
            self._flushed = True
            self._encode(None)
        if self._tracks:
            if whole:
                self._tracks.copy_until(None)
            self._tracks.close()
            self.notes = self._tracks.notes
        if self._container is not None:
            self._container.close()
        if self._tracks and whole:
            self._tracks.check(self._begun())
        return super().close(whole=whole)

    def discard(self) -> None:
        """Remove the unfinished output."""
        if self._tracks:
            self._tracks.close()
        if self._container is not None:
            try:
                self._container.close()
            except (OSError, av.FFmpegError):  # the disk may be full
                pass
        super().discard()

    def _open(self, height: int, width: int) -> None:
        check_frame_size(self.path, height, width)
        suffix = osp.splitext(self.path)[1].lower()
        self.part = reserve_file(self.path, f'.tmp{suffix}')
        # FFmpeg's own .m4v format supports less than MP4.
        kind = 'mp4' if suffix == '.m4v' else None
        self._container = av.open(f'file:{self.part}', 'w', kind)
        stream = self._container.add_stream('libx264', rate=self.source.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        stream.time_base = self.source.time_base
        context = stream.codec_context
        context.time_base = self.source.time_base
        context.sample_aspect_ratio = self.source.sample_aspect
        color = self.source.color
        context.colorspace = color.matrix
        context.color_primaries = color.primaries
        context.color_trc = color.transfer
        context.color_range = 1  # limited, 16 to 235
        context.options = dict(crf=str(self._crf))
        context.flags |= _FRAME_DURATION
        self._stream = stream
        if self.source.tracks and self.source.keeps_time:
            self._tracks = TrackCopy(self.source.tracks, self._container,
                                     self._lift * self.source.time_base)
        elif self.source.tracks:
            self.notes += copy_tags_alone(self.source.tracks, self._container)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        if self._stream is None or self._container is None:
            return  # there was no frame
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class FolderWriter(Writer):
    """Writes a folder of PNGs: 000000.png and so on."""

    def write(self, image: NDArray[Any], pts: int, duration: int) -> None:
        """Append a frame; see :class:`Writer`."""
        if self.part is None:
            self.part = new_folder(self.path)
        name = FRAME_NAME.format(self.num_frames)
        write_png(osp.join(self.part, name), image[..., ::-1])
        self.num_frames += 1

    def _move(self) -> None:
        old = None
        if self.overwrite and osp.isdir(self.path):
            check_folder(self.path)
            old = new_folder(self.path)
            try:
                os.rename(self.path, old)
            except OSError:
                os.rmdir(old)
                raise
        try:
            move_new(self._begun(), self.path)
        except BaseException:
            if old is not None:
                move_new(old, self.path)
            raise
        if old is not None and not _remove_frames(old):
            self.notes.append(f'{old}: other files of the folder that was '
                              'replaced are kept here')

    def discard(self) -> None:
        """Remove the unfinished output."""
        if self.part is not None and osp.isdir(self.part):
            _remove_frames(self.part)
        self.part = None


def _remove_frames(folder: str) -> bool:
    """Remove a folder of our frames; False if it holds other files."""
    for name in os.listdir(folder):
        if OUR_NAME.fullmatch(name):
            os.remove(osp.join(folder, name))
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


class ImageWriter(Writer):
    """Writes one PNG, for a source with a single frame."""

    def write(self, image: NDArray[Any], pts: int, duration: int) -> None:
        """Write the frame; see :class:`Writer`."""
        if self.num_frames:
            raise ValueError(too_many(self.source, self.path))
        self.part = reserve_file(self.path, '.tmp.png')
        write_png(self.part, image[..., ::-1])
        self.num_frames += 1


def open_writer(path: str | os.PathLike[str],
                source: Source,
                *,
                crf: int = CRF,
                overwrite: bool = False) -> Writer:
    """Create the writer of a target that ``check_target`` accepted.

    Args:
        path (str | PathLike): A video (.mp4, .mkv, .mov, .m4v), an image
            (.png), or otherwise a folder of PNGs.
        source (Source): Source of the frames that are upscaled.
        crf (int): x264's constant rate factor, for a video.
        overwrite (bool): Whether the target may be replaced.

    Returns:
        Writer: The writer; it creates no file before the first frame.
    """
    path = os.fspath(path)
    suffix = osp.splitext(path)[1].lower()
    if suffix in H264_SUFFIXES:
        return VideoWriter(path, source, crf=crf, overwrite=overwrite)
    if suffix == '.png' and not osp.isdir(path):
        return ImageWriter(path, source, overwrite=overwrite)
    path = osp.realpath(path) if osp.isdir(path) else path.rstrip(os.sep)
    return FolderWriter(path, source, overwrite=overwrite)
