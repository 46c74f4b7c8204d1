# Copyright (c) DKSAN-MM contributors.
"""Copying of a source's sound, subtitles, chapters and tags, unchanged."""
from collections import Counter, deque
from collections.abc import Iterator
from fractions import Fraction

import av
from av.stream import Disposition

from .covers import add_cover, can_hold, read_covers
from .streams import choose_stream, codec_name, open_container
from .subtitles import MILLISECOND, SubtitleConverter, Text, can_convert
from .tags import (copy_chapters, copy_tags, describe, find_lost, left_out,
                   suffix_of)
from .timeline import Packet, move, seconds_of
from .track_packets import (TrackPackets, find_container, read_parts,
                            try_packets)

KINDS = ('audio', 'subtitle')
OTHERS = dict(video='more video', data='data', attachment='attached file')


def copy_tags_alone(source: str,
                    target: av.container.OutputContainer) -> list[str]:
    """Copy the tags of a file, but nothing that depends on its times.

    Args:
        source (str): Path of the file.
        target (OutputContainer): Container that only has its video stream.

    Returns:
        list[str]: A sentence about what is left out, if anything is.
    """
    with open_container(source) as container:
        copy_tags(container, target)
        copy_tags(choose_stream(source, container), target.streams.video[0])
        kinds = dict(
            sound=container.streams.audio,
            subtitles=container.streams.subtitles,
            chapters=container.chapters())
    dropped = [kind for kind, found in kinds.items() if found]
    if not dropped:
        return []
    *first, last = dropped
    names = f'{", ".join(first)} and {last}' if first else last
    verb = 'is' if dropped == ['sound'] else 'are'
    return [
        f'{source}: {names} {verb} left out, as its frames are shown at '
        'another rate'
    ]


class TrackCopy:
    """Copies all tracks of a file except the video to an output container.

    All packets are first tried on a discarded container of the same kind.
    Packets that it refuses, such as damaged ones, are left out, so that they
    cannot spoil the video.

    Args:
        source (str): Path of the file that has the tracks.
        target (OutputContainer): Container that only has its video stream.
        lift (Fraction): Seconds by which tracks and video are shifted.

    Attributes:
        notes (list[str]): Sentences about everything that is left out.
    """

    def __init__(
        self,
        source: str,
        target: av.container.OutputContainer,
        lift: Fraction = Fraction(0)
    ) -> None:
        self.source, self._target, self._lift = source, target, lift
        self.notes: list[str] = []
        self._streams: dict[int, av.stream.Stream] = {}
        self._refused: dict[int, set[int]] = {}
        self._converters: dict[int, SubtitleConverter] = {}
        self._first: list[Packet] = []
        self._texts: deque[tuple[int, Text]] = deque()
        self._counts: Counter[int] = Counter()
        self._written: Counter[int] = Counter()
        self._reader: TrackPackets | None = None
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet | None = None
        self._container = open_container(source)
        try:
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        container, target = self._container, self._target
        video = choose_stream(self.source, container)
        copy_tags(container, target)
        copy_tags(video, target.streams.video[0])
        copy_chapters(
            container, target,
            Fraction(container.start_time or 0, av.time_base) - self._lift)
        self._add_pictures()
        self._note_others(video)
        known = [
            stream for stream in container.streams
            if stream.type in KINDS and self._is_known(stream)
        ]
        self._parts = read_parts(self.source) if known else ([], Counter())
        self._refused = try_packets(self.source,
                                    [stream.index for stream in known],
                                    target.format.name, self._parts)
        for stream in known:
            copy = self._add(stream)
            if copy is not None:
                copy_tags(stream, copy)
                self._streams[stream.index] = copy
        self._texts = self._read_texts()
        copied = [i for i in self._streams if i not in self._converters]
        if copied:
            self._reader = TrackPackets(self.source, container, copied,
                                        self._parts)
            self._packets = iter(self._reader)
            self._advance()

    def _read_texts(self) -> deque[tuple[int, Text]]:
        """Read the texts to convert with their stream indices, by time."""
        if not self._converters:
            return deque()
        with open_container(self.source) as container:
            packets = TrackPackets(self.source, container,
                                   list(self._converters), self._parts)
            try:
                for packet in packets:
                    move(packet, self._lift)
                    self._converters[packet.stream.index].read(packet)
            except av.FFmpegError:
                pass  # reported when the frames are decoded
        for index, converter in self._converters.items():
            self._note_damaged(index, converter.damaged)
        texts = ((index, text)
                 for index, converter in self._converters.items()
                 for text in converter.texts)
        return deque(sorted(texts, key=lambda found: found[1].start))

    def _add_pictures(self) -> None:
        """Add covers and, if the target supports them, attached files."""
        container, target = self._container, self._target
        covers = {cover.index: cover for cover in read_covers(self.source)}
        for stream in container.streams:
            if stream.index in covers and can_hold(target):
                self._first += add_cover(covers[stream.index], stream, target)
            elif stream.disposition & Disposition.attached_pic:
                self.notes.append(f'{self.source}: a cover image is left out')
            elif stream.type == 'attachment' and \
                    target.format.name == 'matroska':
                target.add_stream_from_template(stream)

    def _add(self, stream: av.stream.Stream) -> av.stream.Stream | None:
        """Add a copy of a stream; None if the target does not support it."""
        if stream.index in self._refused:
            self._note_damaged(stream.index, len(self._refused[stream.index]))
            return self._target.add_stream_from_template(stream)
        if can_convert(stream, self._target.format.name):
            converter = SubtitleConverter(stream, self._target)
            self._converters[stream.index] = converter
            form = converter.stream.codec_context.name
            self.notes.append(f'{self.source}: {describe(stream)} are '
                              f'converted to {form}')
            return converter.stream
        self.notes.append(f'{self.source}: {left_out(stream)}, '
                          f'{self._why_not(stream)}')
        return None

    def _why_not(self, stream: av.stream.Stream) -> str:
        """Say which containers support a stream that the target does not."""
        is_sound = stream.type == 'audio'
        it, they = ('it', 'it') if is_sound else ('them', 'they')
        other = find_container(self.source, stream.index,
                               self._target.format.name, self._parts)
        if not other:
            return f'{they} cannot be copied to a .mp4, .mkv or .mov file'
        return (f'a {suffix_of(self._target)} file cannot hold {it}; name the '
                f'output {other} to keep {it}')

    def _note_others(self, video: av.VideoStream) -> None:
        counts = Counter(
            stream.type for stream in self._container.streams
            if stream.type in OTHERS and stream.index != video.index
            and not stream.disposition & Disposition.attached_pic)
        if self._target.format.name == 'matroska':
            counts.pop('attachment', None)
        kinds = self._container.format.name.split(',')
        if 'mov' in kinds and self._container.chapters():
            counts['data'] -= 1  # holds the titles of the chapters
        for kind, count in (+counts).items():
            what = OTHERS[kind] + ('' if kind == 'attachment' else ' track')
            self.notes.append(f'{self.source}: {count} {what}'
                              f'{"s are" if count > 1 else " is"} left out')

    def _is_known(self, stream: av.stream.Stream) -> bool:
        if stream.codec_context is None:
            self.notes.append(
                f'{self.source}: {left_out(stream)}, its codec'
                f'{codec_name(self.source, stream.index)} is not known')
        return stream.codec_context is not None

    def _note_damaged(self, index: int, count: int) -> None:
        if count:
            self.notes.append(
                f'{self.source}: {describe(self._container.streams[index])}: '
                f'{count} damaged '
                f'{"packet is" if count == 1 else "packets are"} left out')

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy what begins up to a time in seconds, or all if it is None."""
        while self._first:
            self._target.mux(self._first.pop())
        while self._texts:
            index, text = self._texts[0]
            if seconds is not None and text.start * MILLISECOND > seconds:
                break
            self._texts.popleft()
            self._mux(index, self._converters[index].encode(text))
        while self._next is not None:
            packet = self._next
            time = (seconds_of(packet) or Fraction(0)) + self._lift
            if seconds is not None and time > seconds:
                break
            self._copy(packet)
            self._advance()

    def _copy(self, packet: Packet) -> None:
        index = packet.stream.index
        number, self._counts[index] = self._counts[index], \
            self._counts[index] + 1
        if number not in self._refused[index]:
            move(packet, self._lift)
            packet.stream = self._streams[index]
            self._mux(index, packet)

    def _mux(self, index: int, packet: Packet) -> None:
        try:
            self._target.mux(packet)
            self._written[index] += 1
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # the disk is full, for instance
                raise
            # Unexpected after the trial; the frames matter more than a track.
            self.notes.append(f'{self.source}: a packet of '
                              f'{describe(self._container.streams[index])} '
                              'is left out')

    def _advance(self) -> None:
        try:
            self._next = next(self._packets, None)
        except av.FFmpegError as error:
            self._next = None
            self.notes.append(f'{self.source}: the sound cannot be read to '
                              f'its end ({error.strerror or error})')

    def close(self) -> None:
        """Close the source."""
        dropped = self._reader.left_out if self._reader else {}
        for index, count in dropped.items():
            self.notes.append(
                f'{self.source}: {describe(self._container.streams[index])}: '
                f'{count} {"packet" if count == 1 else "packets"} left out '
                'where the recording starts over')
        self._container.close()

    def check(self, path: str) -> None:
        """Note which tags and chapters are missing in the finished file.

        Args:
            path (str): Path of the file.
        """
        try:
            with open_container(self.source) as source, \
                    open_container(path) as target:
                self._compare(source, target)
        except (OSError, av.FFmpegError) as error:
            self.notes.append(
                f'{self.source}: it could not be checked that all sound, tags '
                f'and chapters are kept ({error.strerror or error})')

    def _compare(self, source: av.container.InputContainer,
                 target: av.container.InputContainer) -> None:
        copies = self._find_copies(source, target)
        self.notes += [
            f'{self.source}: {left_out(source.streams[index])}, there is '
            'nothing in it' for index in sorted(self._streams)
            if source.streams[index] not in copies
        ]
        copies[choose_stream(self.source, source)] = target.streams[0]
        self.notes += [
            f'{self.source}: {lost}'
            for lost in find_lost(source, target, copies)
        ]

    def _find_copies(
        self, source: av.container.InputContainer,
        target: av.container.InputContainer
    ) -> dict[av.stream.Stream, av.stream.Stream]:
        """Match the tracks of the source with those in the finished file.

        MP4 files drop tracks that nothing was written to, and list covers
        after the other tracks.
        """
        drops = 'matroska' not in self._target.format.name
        indices = [
            index for index in self._streams
            if self._written[index] or not drops
        ]
        tracks = [stream for stream in target.streams if stream.type in KINDS]
        return {
            source.streams[index]: track
            for index, track in zip(indices, tracks)
        }
