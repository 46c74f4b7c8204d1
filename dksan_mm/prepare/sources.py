# Copyright (c) DKSAN-MM contributors.
"""Source clips: video files and folders of frames."""
import os.path as osp
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import av
import numpy as np

from dksan_mm.io.images import decode_with_notes, file_crc32, sum_up
from dksan_mm.io.layout import SPLITS, frame_number, list_frames
from dksan_mm.io.listing import list_frames_of, read_folder
from dksan_mm.io.video.decoder import Decoder

# Frame number, and a function that returns its pixels, 8-bit BGR (h, w, 3).
LazyFrame = tuple[int, Callable[[], np.ndarray]]

PHOTOS = 'if these are photographs, --photos makes a clip of each'


@dataclass(frozen=True)
class Clip:
    """A clip of the source.

    Attributes:
        name (str): Folder name in the prepared layout.
        split (str): 'train', 'val' or 'test'.
        path (str): Path of a video file, a folder of frames, or a photograph.
        has_hr (bool): False for a clip of LR frames only (the test split of
            Vid3oC), which are copied unchanged.
        prefix (str): Prefix of its frames' names, if several clips share the
            folder; the clip then has several frames.
        lr (Clip | None): LR clip of the source that belongs to this one.
        is_photo (bool): Whether it is a single image file.
    """
    name: str
    split: str
    path: str
    has_hr: bool = True
    prefix: str = ''
    lr: 'Clip | None' = None
    is_photo: bool = False

    @property
    def is_video(self) -> bool:
        return not self.is_photo and not osp.isdir(self.path)

    def frames(self) -> list[str]:
        """Return the paths of the frames in order, if it is not a video.

        Raises:
            ValueError: If the order cannot be determined, or frames are
                missing.
        """
        if self.is_photo:
            return [self.path]
        if self.prefix:
            names = read_folder(self.path).images
            return list_frames(self.path, self.prefix, names=names)
        try:
            names = list(map(osp.basename, list_frames_of(self.path).files))
            return list_frames(self.path, names=names)
        except ValueError as error:
            raise ValueError(f'{error}; {PHOTOS}') from error

    def fingerprint(self) -> dict[str, object]:
        """Return data that change if the name stands for another source."""
        if self.lr is not None:
            given = self.lr.fingerprint()
            return dict(
                replace(self, lr=None).fingerprint(),
                lr_source=given['source'],
                lr_source_bytes=given['source_bytes'],
                lr_source_crc32=given['source_crc32'])
        if not osp.isdir(self.path):
            return dict(
                source=osp.basename(self.path),
                source_bytes=osp.getsize(self.path),
                source_crc32=_crc32([self.path]),
                **(dict(photo=True) if self.is_photo else {}))
        frames, source = self.frames(), osp.basename(osp.abspath(self.path))
        if source != self.name and not self.prefix:  # as in SPMCS: clip/truth
            source = f'{self.name}/{source}'
        return dict(
            source=f'{source}/{self.prefix}',
            source_bytes=sum(osp.getsize(frame) for frame in frames),
            source_crc32=_crc32(frames),
            source_frames=len(frames))


def _crc32(paths: Sequence[str]) -> str:
    """Return one CRC-32 of the contents of files, in this order."""
    digests = ''.join(map(file_crc32, paths))
    return f'{zlib.crc32(digests.encode()):08x}'


def summarize(clips: Sequence[Clip]) -> str:
    """Count clips by split, such as '3 train (1 with LR), 1 test (1 LR only)'.

    Args:
        clips (Sequence[Clip]): Clips with their splits.
    """
    parts = []
    for split in SPLITS:
        of_split = [clip for clip in clips if clip.split == split]
        if of_split:
            given = sum(clip.lr is not None for clip in of_split)
            alone = sum(not clip.has_hr for clip in of_split)
            parts.append(f'{len(of_split)} {split}' +
                         (f' ({given} with LR)' if given else '') +
                         (f' ({alone} LR only)' if alone else ''))
    return ', '.join(parts)


def count_frames(clip: Clip) -> int:
    """Return the number of frames, if it is known without decoding.

    Args:
        clip (Clip): The clip.

    Returns:
        int: An estimate for the progress display; 0 if unknown.
    """
    try:
        if not clip.is_video:
            return len(clip.frames())
        return Decoder(clip.path).num_frames
    except (OSError, ValueError, av.FFmpegError):
        return 0  # reading the clip reports the reason


def iter_frames(clip: Clip,
                *,
                deinterlace: bool = True,
                notes: list[str] | None = None) -> Iterator[LazyFrame]:
    """Iterate over a clip's frames, which are converted on demand.

    Args:
        clip (Clip): The clip.
        deinterlace (bool): Whether to deinterlace interlaced videos.
        notes (list[str], optional): List to which sentences about changes are
            added.

    Yields:
        tuple[int, Callable[[], np.ndarray]]: Frame number (from 0 for videos;
        frame folders keep their numbers) and a function that returns its
        pixels, ``(h, w, 3)``, uint8, BGR.

    Raises:
        ValueError: If the clip is empty or damaged; names the path.
    """
    number_of = frame_number if not clip.is_photo else lambda _: 0
    if clip.is_video:
        yield from _iter_video(clip.path, deinterlace, notes)
        return
    frames = clip.frames()
    if not frames:
        raise ValueError(f'{clip.path}: no image in this folder')
    phrases: Counter = Counter()

    def load(path: str) -> np.ndarray:
        with open(path, 'rb') as file:
            image, said = decode_with_notes(file.read(), path)
        phrases.update(said)
        return image

    try:
        for path in frames:
            # Listed frames always have a number.
            yield number_of(path) or 0, partial(load, path)
    finally:
        if notes is not None:
            if not (clip.prefix or clip.is_photo):
                notes += list_frames_of(clip.path).notes
            notes += sum_up(clip.path, phrases)


def _iter_video(path: str, deinterlace: bool,
                notes: list[str] | None) -> Iterator[LazyFrame]:
    """Decode from beginning to end, since seeking is not frame-accurate."""
    # One thread, since there is one process per core.
    decoder = Decoder(path, deinterlace=deinterlace, threads=1)
    number = -1
    try:
        for number, picture in enumerate(decoder):
            if picture is None or picture.is_damaged:
                raise ValueError(f'{path}: frame {number} is damaged')
            yield number, partial(picture.load, 'bgr24')
    except av.FFmpegError as error:
        reason = error.strerror or str(error)
        where = f'after frame {number}' if number >= 0 else 'from the start'
        raise ValueError(
            f'{path}: cannot be decoded {where} ({reason})') from error
    finally:
        if notes is not None:
            notes += decoder.notes
