# Copyright (c) DKSAN-MM contributors.
"""Conversion of text subtitles to the format that a container supports."""
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.subtitles.subtitle import SubtitleSet

from .timeline import Packet

# Text subtitle format of each container, by FFmpeg's names.
FORMS = dict(mp4='mov_text', mov='mov_text', matroska='subrip')
MILLISECOND = Fraction(1, 1000)
LAST = 3000  # duration in ms of a last text without an end
_END = rb'{\b0\i0\u0}\N'  # ends a text and its style
_DRAWING = re.compile(rb'\\p[1-9]')  # an ASS drawing instead of a text


class Text(NamedTuple):
    """A text that is shown for a time.

    Attributes:
        start (int): Start time in milliseconds.
        end (int | None): End time, likewise; None if the next text ends it.
        style (bytes): First fields of an ASS event.
        text (bytes): Last field of the event.
    """
    start: int
    end: int | None
    style: bytes
    text: bytes


def stack(texts: Sequence[Text]) -> Iterator[Text]:
    """Join texts that overlap in time, one above the other.

    Tracks of MP4 files show one text at a time; those of other files show all.

    Args:
        texts (Sequence[Text]): Texts sorted by start time.

    Yields:
        Text: Texts that do not overlap.
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
        stream (SubtitleStream): A stream of an open file.
        target (OutputContainer): Unwritten container that gets a new stream.

    Attributes:
        stream (SubtitleStream): The new stream of ``target``.
        damaged (int): Number of packets that could not be decoded.
    """

    def __init__(self, stream: av.stream.Stream,
                 target: av.container.OutputContainer) -> None:
        # PyAV's types lack the methods of subtitle contexts.
        self._decoder: Any = stream.codec_context
        header = _header(stream)
        self.stream = target.add_stream(FORMS[target.format.name])
        self._encoder: Any = _prepared(self.stream.codec_context, header)
        self._texts: list[Text] = []
        self._count = self.damaged = 0

    def read(self, packet: Packet) -> None:
        """Decode a packet of the stream, from any open copy of its file."""
        try:
            found = self._decoder.decode2(packet)
        except av.FFmpegError:
            self.damaged += 1
        else:
            self._texts += _read_texts(packet, found) if found else ()

    @property
    def texts(self) -> list[Text]:
        """Texts read so far, in the order for :meth:`encode`."""
        texts = sorted(self._texts, key=lambda text: text.start)
        if self._encoder.name == 'mov_text':
            return list(stack(texts))
        return [
            text if text.end else text._replace(end=text.start + LAST)
            for text in texts
        ]

    def encode(self, text: Text) -> Packet:
        """Encode a text as a packet of the target's stream."""
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
    """Return whether a stream holds texts that a container supports.

    Args:
        stream (Stream): A stream of an open file.
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
    """Return the ASS header with the styles of a stream."""
    context: Any = stream.codec_context
    context.open(strict=False)
    header: bytes | None = context.subtitle_header
    return header


def _prepared(encoder: Any, header: bytes | None) -> Any:
    encoder.time_base, encoder.subtitle_header = MILLISECOND, header
    return encoder


def _read_texts(packet: Packet, found: SubtitleSet) -> Iterator[Text]:
    """Read the texts of a packet, timed by its timestamp."""
    time = packet.dts if packet.pts is None else packet.pts
    if time is None:  # TrackPackets drops such packets
        return
    start = round(time * packet.time_base / MILLISECOND)
    end = None
    if packet.duration:
        end = start + round(packet.duration * packet.time_base / MILLISECOND)
    for style, text in map(_split, found):
        if text.strip() and not _DRAWING.search(text):
            yield Text(start, end, style, text)


def _split(event: Any) -> tuple[bytes, bytes]:
    """Split an ASS event into its first fields and its text."""
    fields: list[bytes] = event.ass.split(b',', 8)
    return b','.join(fields[1:-1]), fields[-1]
