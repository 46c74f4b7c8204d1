# Copyright (c) DKSAN-MM contributors.
"""Video files opened, and the stream in them that players show."""
import errno
import os.path as osp
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.logging
from av.stream import Disposition

from .animations import is_animated_png

# Pictures that describe a file, such as the cover of an album.
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails
ALPHA_DECODERS = dict(vp8='libvpx', vp9='libvpx-vp9')
# Boxes that an MP4 or MOV file may begin with.
MP4_STARTS = (b'ftyp', b'styp', b'mdat', b'moov', b'moof', b'sidx', b'wide',
              b'free', b'skip', b'pnot')
NO_INDEX = ('an MP4 file without its index (moov box): cut short, or never '
            'finished')


def open_container(path: str) -> av.container.InputContainer:
    """Open a file of any kind; its name is no URL, its tags may be damaged.

    Args:
        path (str): A file.

    Returns:
        InputContainer: To be closed by the caller.

    Raises:
        av.FFmpegError: If it cannot be opened.
    """
    options: dict[str, Any] = {}
    if is_animated_png(path):
        # By its name, x%03d.png or *.png, FFmpeg would take it for a pattern.
        # A frame without a duration is shown for 100 ms, not FFmpeg's 67.
        options = dict(format='apng', options=dict(default_fps='10'))
    container: av.container.InputContainer = av.open(
        f'file:{path}', metadata_errors='replace', **options)
    return container


def open_video(
        path: str) -> tuple[av.container.InputContainer, av.VideoStream]:
    """Open a file that has a video.

    Args:
        path (str): A file.

    Returns:
        tuple[InputContainer, VideoStream]: The file, to be closed by the
        caller, and the stream in it to decode.

    Raises:
        ValueError: If there is none that can be decoded; names the path.
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
        raise ValueError(f'{path}: {reason}') from error
    try:
        return container, choose_stream(path, container)
    except BaseException:
        container.close()
        raise


def _is_readable(path: str, error: OSError) -> bool:
    """Return whether FFmpeg's error is about what is in a file.

    It calls some damage in a file an error of input and output.
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
    """Find the video stream that players show.

    It is one marked as default, of these the one with the most pixels. Cover
    images and thumbnails are none; a still picture is one if there is nothing
    else.

    Args:
        path (str): The file, for messages.
        container (InputContainer): The open file.

    Returns:
        VideoStream: A stream that has a decoder.

    Raises:
        ValueError: If there is none; names the path.
    """
    videos = [s for s in container.streams.video if not s.disposition & COVERS]
    # PyAV has no codec context for a stream that nothing can decode; to ask
    # it for a packet's frames is a segmentation fault.
    known = [s for s in videos if s.codec_context is not None]
    if known:
        return max(known, key=_rank)
    if videos:
        name = codec_name(path, videos[0].index)
        raise ValueError(f'{path}: its video codec{name} is not known, no '
                         'frame can be decoded')
    if container.streams.video:
        raise ValueError(f'{path}: no video stream, only a cover image')
    if container.streams.audio:
        raise ValueError(f'{path}: no video stream, only sound')
    if has_mp4_index(path) is False:
        raise ValueError(f'{path}: {NO_INDEX}')
    raise ValueError(f'{path}: no video stream')


def open_decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    """A stream's decoder.

    FFmpeg's own decoders of VP8 and VP9 leave out alpha, those of libvpx do
    not.
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
    """Name that the file gives to a codec that FFmpeg does not know.

    PyAV tells nothing about such a stream, but FFmpeg's log does.
    """
    with logging_from(av.logging.WARNING), av.logging.Capture() as logs:
        open_container(path).close()
    return _find_name([text for _, _, text in logs], index)


@contextmanager
def logging_from(level: int) -> Iterator[None]:
    """Let FFmpeg log what is of a level or more urgent, repeated or not."""
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
    """Look for the index of an MP4 or MOV file.

    Args:
        path (str): A file.

    Returns:
        bool | None: Whether there is one; None for other kinds of files.
    """
    boxes = list(_read_boxes(path))
    if not boxes or boxes[0][0] not in MP4_STARTS:
        return None
    ends = [end for kind, _, end in boxes if kind == b'moov']
    return bool(ends) and ends[0] <= osp.getsize(path)


def find_second_mp4(path: str) -> int | None:
    """Find where another MP4 file begins that was appended to one.

    Players show the first alone.

    Args:
        path (str): An MP4 or MOV file.

    Returns:
        int | None: The number of the byte.
    """
    starts = [begin for kind, begin, _ in _read_boxes(path) if kind == b'ftyp']
    return starts[1] if starts[1:] else None


def _read_boxes(path: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, beginning and end of each outermost box of a file."""
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
