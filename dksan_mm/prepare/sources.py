# Copyright (c) DKSAN-MM contributors.
"""What users have: video files, frame folders, and their splits."""
import os
import os.path as osp
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import av
import numpy as np

from .images import read_image
from .layout import (HR_DIR, IMAGE_SUFFIXES, SPLITS, VIDEO_SUFFIXES,
                     frame_number, list_frames, lr_dir)

# A frame's number and a function that gives its pixels, 8-bit BGR (h, w, 3).
LazyFrame = Tuple[int, Callable[[], np.ndarray]]


@dataclass(frozen=True)
class Clip:
    """One clip of the source.

    Attributes:
        name (str): Folder name in the prepared layout.
        split (str): 'train', 'val' or 'test'.
        path (str): A video file or a folder of frames.
        has_hr (bool): False for a clip that comes as LR frames only (the
            test split of Vid3oC); its frames are taken over unchanged.
    """
    name: str
    split: str
    path: str
    has_hr: bool = True

    @property
    def is_video(self) -> bool:
        return not osp.isdir(self.path)

    def fingerprint(self) -> Dict[str, object]:
        """Enough to notice that a name now stands for another source."""
        if self.is_video:
            return dict(
                source=osp.basename(self.path),
                source_bytes=osp.getsize(self.path))
        frames = list_frames(self.path)
        return dict(
            source=osp.basename(self.path) + '/',
            source_bytes=sum(osp.getsize(frame) for frame in frames),
            source_frames=len(frames))


def find_clips(source: str, splits: Sequence[str], scale: int) -> List[Clip]:
    """List the clips of a source folder.

    Args:
        source (str): A folder of video files and frame folders, a folder with
            such folders named train, val or test, one video file, or one
            folder of frames.
        splits (Sequence[str]): Splits to take. Empty: all that are there.
            For a source without split folders: the one split that its clips
            become, 'train' if empty.
        scale (int): Names the LR folder to look for where HR is absent.

    Returns:
        list[Clip]: Sorted by split and name.

    Raises:
        FileNotFoundError: If ``source`` or a split asked for is not there.
        ValueError: If two sources have one name, or there is no clip at all.
    """
    if not osp.exists(source):
        raise FileNotFoundError(f'{source}: no such file or folder')
    present = [s for s in SPLITS if osp.isdir(osp.join(source, s))]
    if present:
        for split in splits:
            if split not in present:
                raise FileNotFoundError(
                    f'{osp.join(source, split)}: no such folder')
        clips = []
        for split in splits or present:
            clips += _clips_of_split(osp.join(source, split), split, scale)
    else:
        if len(splits) > 1:
            raise ValueError(
                f'{source}: has no folders train, val or test, so one split '
                f'must be named for its clips, not {", ".join(splits)}')
        split = splits[0] if splits else 'train'
        clips = _clips_of_split(source, split, scale)
    if not clips:
        raise ValueError(f'{source}: no video file and no folder of PNG or '
                         'JPEG frames in it')
    return clips


def _clips_of_split(folder: str, split: str, scale: int) -> List[Clip]:
    """Clips of one split: in its HR folder, or else its LR folder, or in
    itself."""
    has_hr = True
    for name in (HR_DIR, lr_dir(scale), 'LR'):
        if osp.isdir(osp.join(folder, name)):
            folder, has_hr = osp.join(folder, name), name == HR_DIR
            break
    if not osp.isdir(folder):
        return [_clip_of_entry(folder, split, has_hr)]
    clips: Dict[str, Clip] = {}
    entries = [e for e in sorted(os.listdir(folder)) if e[0] != '.']
    for entry in entries:
        path = osp.join(folder, entry)
        if osp.isdir(path) or entry.lower().endswith(VIDEO_SUFFIXES):
            clip = _clip_of_entry(path, split, has_hr)
            if clip.name in clips:
                raise ValueError(f'{path}: would get the same clip name as '
                                 f'{clips[clip.name].path}')
            clips[clip.name] = clip
    if not clips and any(e.lower().endswith(IMAGE_SUFFIXES) for e in entries):
        return [_clip_of_entry(folder, split, has_hr)]
    return list(clips.values())


def _clip_of_entry(path: str, split: str, has_hr: bool) -> Clip:
    name = osp.basename(osp.abspath(path))
    if not osp.isdir(path):
        name = osp.splitext(name)[0]
    if not name.isprintable():
        raise ValueError(f'{path!r}: tabs, line breaks and other unprintable '
                         'characters cannot be in a clip\'s name; rename it')
    return Clip(name, split, path, has_hr)


def count_frames(clip: Clip) -> int:
    """Number of frames as far as it is known without decoding.

    Args:
        clip (Clip): A clip.

    Returns:
        int: An estimate for the progress display; 0 if unknown.
    """
    try:
        if not clip.is_video:
            return len(list_frames(clip.path))
        with av.open(clip.path) as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            return stream.frames or round(
                seconds * float(stream.average_rate or 0))
    except (OSError, ValueError, IndexError, av.FFmpegError):
        return 0  # reported with its reason when the clip is read


def iter_frames(clip: Clip) -> Iterator[LazyFrame]:
    """Go through a clip's frames without converting those not asked for.

    Args:
        clip (Clip): A clip.

    Yields:
        tuple[int, Callable[[], np.ndarray]]: The frame's number (videos count
        from 0, frame folders keep their numbers) and a function that gives
        its pixels: ``(h, w, 3)``, uint8, BGR.

    Raises:
        ValueError: If the clip is empty or damaged; names the path.
    """
    if clip.is_video:
        yield from _iter_video(clip.path)
        return
    frames = list_frames(clip.path)
    if not frames:
        raise ValueError(f'{clip.path}: no PNG or JPEG frame in this folder')
    for path in frames:
        yield frame_number(path), lambda path=path: read_image(path)


def _iter_video(path: str) -> Iterator[LazyFrame]:
    """Decode from beginning to end: seeking is not frame-accurate."""
    number = -1
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise ValueError(f'{path}: no video stream')
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # one process per core
            last = None
            for number, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:
                    raise ValueError(f'{path}: frame {number} is damaged')
                last = frame
                yield number, lambda frame=frame: _to_bgr(frame)
            if last is None:
                raise ValueError(f'{path}: no frame in the video')
            _check_tail(path, container, stream, last)
    except av.FFmpegError as error:
        reason = error.strerror or str(error)
        where = f'after frame {number}' if number >= 0 else 'from the start'
        raise ValueError(
            f'{path}: cannot be decoded {where} ({reason})') from error


def _to_bgr(frame: av.VideoFrame) -> np.ndarray:
    """Pixels as a player shows them, the display rotation applied."""
    image = frame.to_ndarray(format='bgr24')
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _check_tail(path: str, container: av.container.InputContainer,
                stream: av.VideoStream, last: av.VideoFrame) -> None:
    """Raise if the frames end well before the length the header states: a
    file that was cut short decodes without an error."""
    if last.pts is None or not stream.average_rate:
        return
    if stream.duration is not None:
        stated = float((stream.start_time or 0) + stream.duration)
        stated *= float(stream.time_base)
    elif container.duration and len(container.streams) == 1:
        stated = (
            (container.start_time or 0) + container.duration) / av.time_base
    else:
        return
    step = 1 / float(stream.average_rate)
    reached = float(last.pts * last.time_base) + step
    if reached < stated - max(3 * step, 0.02 * stated):
        raise ValueError(f'{path}: cut short, the frames end at '
                         f'{reached:.2f} s of {stated:.2f} s')
