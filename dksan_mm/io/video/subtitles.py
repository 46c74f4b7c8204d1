# Copyright (c) DKSAN-MM contributors.
"""Text subtitles in the form that a container can hold."""
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.subtitles.subtitle import SubtitleSet

from .timeline import Packet

# FFmpeg's name of a container: the form of its text subtitles.
FORMS = dict(mp4='mov_text', mov='mov_text', matroska='subrip')
MILLISECOND = Fraction(1, 1000)
LAST = 3000  # ms of a last text whose end is not known
_END = rb'{\b0\i0\u0}\N'  # of a text and its style
_DRAWING = re.compile(rb'\\p[1-9]')  # a figure of ASS, not a text


class Text(NamedTuple):
    """A text or picture that is shown for a time.

    Attributes:
        start (int): Milliseconds.
        end (int | None): Milliseconds; None where the next text ends it.
        style (bytes): First fields of an event of ASS.
        text (bytes): Its last field.
    """
    start: int
    end: int | None
    style: bytes
    text: bytes


def stack(texts: Sequence[Text]) -> Iterator[Text]:
    """Put texts that overlap in time into one, one above the other.

    The tracks of MP4 files show one text at a time, those of other files all.

    Args:
        texts (Sequence[Text]): In the order of their beginnings.

    Yields:
        Text: None of which overlap.
    """
    shown: list[Text] = []
    for number, text in enumerate(texts):
        since = text.start
        shown.append(text)
        later = texts[number + 1].start if number + 1 < len(texts) else None
        while shown and since != later:
            ends = [text.end for text in shown if text.end is not None]
            if later is not None:
                ends.append(later)
            end = min(ends, default=since + LAST)
            if end > since:
                joined = _END.join(text.text for text in shown)
                yield Text(since, end, shown[0].style, joined)
            since = end
            shown = [
                text for text in shown
                if text.end is not None and text.end > end
            ]


class SubtitleConverter:
    """Converts a stream of text subtitles.

    Args:
        stream (SubtitleStream): The stream, of an open file.
        target (OutputContainer): Not written to yet; gets a stream.

    Attributes:
        stream (SubtitleStream): The one in ``target``.
        damaged (int): Packets that could not be read.
    """

    def __init__(self, stream: av.stream.Stream,
                 target: av.container.OutputContainer) -> None:
        # PyAV's types do not know the methods of subtitles' contexts.
        self._decoder: Any = stream.codec_context
        header = _header(stream)
        self.stream = target.add_stream(FORMS[target.format.name])
        self._encoder: Any = _prepared(self.stream.codec_context, header)
        self._texts: list[Text] = []
        self._count = self.damaged = 0

    def read(self, packet: Packet) -> None:
        """Take a packet of the stream, of any file that has it."""
        try:
            found = self._decoder.decode2(packet)
        except av.FFmpegError:
            self.damaged += 1
        else:
            self._texts += _read_texts(packet, found) if found else ()

    @property
    def texts(self) -> list[Text]:
        """Return what has been read, for :meth:`encode`."""
        texts = sorted(self._texts, key=lambda text: text.start)
        if self._encoder.name == 'mov_text':
            return list(stack(texts))
        return [
            text if text.end else text._replace(end=text.start + LAST)
            for text in texts
        ]

    def encode(self, text: Text) -> Packet:
        """Make a packet for the stream in the target."""
        line = b'%d,%s,%s' % (self._count, text.style, text.text)
        self._count += 1
        length = (text.end or text.start) - text.start
        packet: Packet = self._encoder.encode_subtitle(
            SubtitleSet.create(line, 0, length))
        packet.stream, packet.time_base = self.stream, MILLISECOND
        packet.pts = packet.dts = text.start
        packet.duration = length
        return packet


def can_convert(stream: av.stream.Stream, kind: str) -> bool:
    """Return whether a stream is of texts that a kind of container can hold.

    Args:
        stream (Stream): Of an open file.
        kind (str): FFmpeg's name of the container.
    """
    context = stream.codec_context
    if stream.type != 'subtitle' or kind not in FORMS or \
            not context.codec.text_sub:
        return False
    try:
        encoder = av.CodecContext.create(FORMS[kind], 'w')
        _prepared(encoder, _header(stream)).open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _header(stream: av.stream.Stream) -> bytes | None:
    """Styles that a decoder knows, in ASS."""
    context: Any = stream.codec_context
    context.open(strict=False)
    header: bytes | None = context.subtitle_header
    return header


def _prepared(encoder: Any, header: bytes | None) -> Any:
    encoder.time_base, encoder.subtitle_header = MILLISECOND, header
    return encoder


def _read_texts(packet: Packet, found: SubtitleSet) -> Iterator[Text]:
    """Read the texts of a packet on its own time."""
    time = packet.dts if packet.pts is None else packet.pts
    if time is None:  # TrackPackets leaves such packets out
        return
    start = round(time * packet.time_base / MILLISECOND)
    end = None
    if packet.duration:
        end = start + round(packet.duration * packet.time_base / MILLISECOND)
    for style, text in map(_split, found):
        if text.strip() and not _DRAWING.search(text):
            yield Text(start, end, style, text)


def _split(event: Any) -> tuple[bytes, bytes]:
    """Layer, style and so on, and text of an event."""
    fields: list[bytes] = event.ass.split(b',', 8)
    return b','.join(fields[1:-1]), fields[-1]
