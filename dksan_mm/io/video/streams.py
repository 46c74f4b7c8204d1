# Copyright (c) DKSAN-MM contributors.
"""Opening of video files, and choice of the stream that players show."""
import errno
import os.path as osp
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.logging
from av.stream import Disposition

from dksan_mm.io.file_kinds import START, describe_kind
from .animations import is_animated_png

# Pictures that describe a file, such as the cover of an album.
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
ALPHA_DECODERS = dict(vp8='libvpx', vp9='libvpx-vp9')
# Boxes with which an MP4 or MOV file may begin.
MP4_STARTS = (b'ftyp', b'styp', b'mdat', b'moov', b'moof', b'sidx', b'wide',
              b'free', b'skip', b'pnot')
NO_INDEX = ('an MP4 file without its index (moov box): cut short, or never '
            'finished')


def open_container(path: str) -> av.container.InputContainer:
    """Open a file; its name is not taken for a URL, its tags may be damaged.

    Args:
        path (str): Path of the file.

    Returns:
        InputContainer: The open file, which the caller closes.

    Raises:
        av.FFmpegError: If the file cannot be opened.
    """
    options: dict[str, Any] = {}
    if is_animated_png(path):
        # FFmpeg would take a name like x%03d.png or *.png for a pattern. A
        # frame without a duration is shown for 100 ms, not FFmpeg's 67 ms.
        options = dict(format='apng', options=dict(default_fps='10'))
    try:
        container: av.container.InputContainer = av.open(
            f'file:{path}', metadata_errors='replace', **options)
    except av.FFmpegError as error:  # names "file:" before the path
        raise type(error)(error.errno or 0, error.strerror or '',
                          path) from error
    return container


def open_video(
        path: str) -> tuple[av.container.InputContainer, av.VideoStream]:
    """Open a file that contains a video.

    Args:
        path (str): Path of the file.

    Returns:
        tuple[InputContainer, VideoStream]: The open file, which the caller
        closes, and the stream to decode.

    Raises:
        ValueError: If no video in it can be decoded; names the path.
        OSError: If the file cannot be opened.
    """
    if osp.isfile(path) and not osp.getsize(path):
        raise ValueError(f'{path}: empty file (0 bytes)')
    try:
        container = open_container(path)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and not _is_readable(path, error):
            raise OSError(error.errno, error.strerror, path) from error
        reason = f'not a video ({error.strerror or error})'
        if has_mp4_index(path) is False:
            reason = NO_INDEX
        raise ValueError(f'{path}: {_kind_of(path) or reason}') from error
    try:
        return container, choose_stream(path, container)
    except BaseException as error:
        container.close()
        if isinstance(error, ValueError) and _kind_of(path):
            raise ValueError(f'{path}: {_kind_of(path)}') from error
        raise


def _kind_of(path: str) -> str:
    with open(path, 'rb') as file:
        return describe_kind(file.read(START), is_video=True)


def _is_readable(path: str, error: OSError) -> bool:
    """Return whether FFmpeg's error concerns the content of a file.

    FFmpeg reports some damage in a file as an input/output error.
    """
    try:
        with open(path, 'rb') as file:
            while file.read(2**20):
                pass
    except OSError:
        return False
    return error.errno == errno.EIO


def choose_stream(path: str,
                  container: av.container.InputContainer) -> av.VideoStream:
    """Choose the video stream that players show.

    Streams marked as default come first, then those with the most pixels.
    Cover images and thumbnails are never chosen; a still picture is chosen
    only if there is no other video.

    Args:
        path (str): Path of the file, for messages.
        container (InputContainer): The open file.

    Returns:
        VideoStream: A stream that has a decoder.

    Raises:
        ValueError: If there is no such stream; names the path.
    """
    videos = [s for s in container.streams.video if not s.disposition & COVERS]
    # PyAV has no codec context for a stream without a decoder; decoding its
    # packets is a segmentation fault.
    known = [s for s in videos if s.codec_context is not None]
    if known:
        return max(known, key=_rank)
    if videos:
        name = codec_name(path, videos[0].index)
        raise ValueError(f'{path}: its video codec{name} is unknown, so no '
                         'frame can be decoded')
    if container.streams.video:
        raise ValueError(f'{path}: no video stream, only a cover image')
    if container.streams.audio:
        raise ValueError(f'{path}: no video stream, only sound')
    if has_mp4_index(path) is False:
        raise ValueError(f'{path}: {NO_INDEX}')
    raise ValueError(f'{path}: no video stream')


def open_decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    """Return the decoder of a stream.

    FFmpeg's own VP8 and VP9 decoders drop alpha; those of libvpx keep it.
    """
    context = stream.codec_context
    name = ALPHA_DECODERS.get(context.codec.canonical_name)
    if stream.metadata.get('alpha_mode') != '1' or name is None or (
            name not in av.codecs_available):
        return context
    other: Any = av.CodecContext.create(name, 'r')
    other.thread_count = context.thread_count
    other.color_range, other.colorspace = (context.color_range,
                                           context.colorspace)
    other.color_primaries, other.color_trc = (context.color_primaries,
                                              context.color_trc)
    decoder: av.VideoCodecContext = other
    return decoder


def _rank(stream: av.VideoStream) -> tuple[bool, bool, int, int]:
    context = stream.codec_context
    return (not stream.disposition & Disposition.still_image,
            bool(stream.disposition & Disposition.default),
            context.width * context.height, -stream.index)


def codec_name(path: str, index: int) -> str:
    """Return a file's name of a codec that FFmpeg does not know.

    PyAV does not expose such a stream, but FFmpeg's log names its codec.
    """
    with logging_from(av.logging.WARNING), av.logging.Capture() as logs:
        open_container(path).close()
    return _find_name([text for _, _, text in logs], index)


@contextmanager
def logging_from(level: int) -> Iterator[None]:
    """Let FFmpeg log messages of a level or above, repeated ones as well."""
    before, skip = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(level)
    av.logging.set_skip_repeated(False)
    try:
        yield
    finally:
        av.logging.set_level(before)
        av.logging.set_skip_repeated(skip)


def _find_name(logs: list[str], index: int) -> str:
    for text in logs:
        match = re.search(rf'stream {index} \(\w+: (\w+)(?: \((.*?) / 0x)?',
                          text)
        if match:
            name = match[2] or (match[1] if match[1] != 'none' else '')
            return f' {name}' if name else ''
    return ''


def has_mp4_index(path: str) -> bool | None:
    """Look for the index (moov box) of an MP4 or MOV file.

    Args:
        path (str): Path of the file.

    Returns:
        bool | None: Whether it is complete; None for other kinds of files.
    """
    boxes = list(_read_boxes(path))
    if not boxes or boxes[0][0] not in MP4_STARTS:
        return None
    ends = [end for kind, _, end in boxes if kind == b'moov']
    return bool(ends) and ends[0] <= osp.getsize(path)


def find_second_mp4(path: str) -> int | None:
    """Find where a second MP4 file starts that was appended to the first.

    Players show only the first.

    Args:
        path (str): Path of an MP4 or MOV file.

    Returns:
        int | None: Byte offset of the second file; None if there is none.
    """
    starts = [begin for kind, begin, _ in _read_boxes(path) if kind == b'ftyp']
    return starts[1] if starts[1:] else None


def _read_boxes(path: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of each top-level box of a file."""
    with open(path, 'rb') as file:
        end = file.seek(0, 2)
        place = 0
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            size = int.from_bytes(head[:4], 'big')
            if size == 1:  # the size follows, in 64 bits
                size = int.from_bytes(head[8:], 'big')
            if size == 0:
                size = end - place
            yield head[4:8], place, place + size
            if size < 8:
                break
            place += size
