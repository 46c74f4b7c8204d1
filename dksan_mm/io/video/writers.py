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

from dksan_mm.io.files import move_new, new_folder, reserve_file
from dksan_mm.io.images import write_png
from .base import Source, Writer
from .swscale import to_yuv
from .targets import (H264_SUFFIXES, OUR_NAME, check_folder, check_frame_size,
                      too_many)
from .tracks import TrackCopy, copy_tags_alone

CRF = 12  # chosen here: hardly distinguishable from the frames
FRAME_NAME = '{:06d}.png'
_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION of FFmpeg


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
