# Copyright (c) DKSAN-MM contributors.
"""Languages, titles, flags and chapters of a file and of its tracks."""
import os.path as osp
from fractions import Fraction

import av

KINDS = dict(audio='sound', subtitle='subtitles', video='video')
# Tags that describe a container itself and do not hold for a copy. The display
# matrix is already applied to the frames.
_OWN = ('major_brand', 'minor_version', 'compatible_brands', 'encoder',
        'software', 'vendor_id', 'handler_name', 'duration', 'rotate', 'bps',
        'timecode', 'number_of_frames', 'number_of_bytes', '_statistics')
_FLAGS = (av.stream.Disposition.default, av.stream.Disposition.forced)
Tagged = av.container.Container | av.stream.Stream


def copy_tags(source: Tagged, target: Tagged) -> None:
    """Copy the tags of a file, or the tags and flags of a stream.

    Args:
        source (InputContainer | Stream): Container or stream to copy from.
        target (OutputContainer | Stream): One of the same kind to copy to.
    """
    target.metadata.update(_tags(source))
    if isinstance(source, av.stream.Stream) and \
            isinstance(target, av.stream.Stream):
        target.disposition = source.disposition


def _tags(source: Tagged) -> dict[str, str]:
    tags = {
        key: value
        for key, value in source.metadata.items()
        if not key.lower().startswith(_OWN) and (key, value) != ('language',
                                                                 'und')
    }
    if isinstance(source, av.stream.Stream):
        tags.pop('creation_time', None)  # the file has it
        if 'name' in tags:  # FFmpeg's key for titles in MP4 files
            tags.setdefault('title', tags.pop('name'))
    return tags


def copy_chapters(source: av.container.InputContainer,
                  target: av.container.OutputContainer,
                  start: Fraction) -> None:
    """Copy chapters.

    Args:
        source (InputContainer): File with the chapters.
        target (OutputContainer): Container that nothing is written to yet.
        start (Fraction): Time in ``source`` that becomes zero in ``target``.
    """
    chapters = []
    for chapter in source.chapters():
        base = chapter['time_base']
        ticks = round(start / base) if base else 0
        begin, end = (
            max(0, chapter[name] - ticks) for name in ('start', 'end'))
        moved = chapter.copy()
        moved['start'], moved['end'] = begin, max(begin, end)
        chapters.append(moved)
    if chapters:
        target.set_chapters(chapters)


def describe(stream: av.stream.Stream) -> str:
    """Name a track: ``aac sound (track 1, eng)``."""
    codec = stream.codec_context and stream.codec_context.name
    language = stream.metadata.get('language', 'und')
    where = f'track {stream.index}'
    where += '' if language == 'und' else f', {language}'
    return f'{codec + " " if codec else ""}{KINDS[stream.type]} ({where})'


def left_out(stream: av.stream.Stream) -> str:
    """Begin a sentence: ``aac sound (track 1) is left out``."""
    verb = 'are' if stream.type == 'subtitle' else 'is'
    return f'{describe(stream)} {verb} left out'


def find_lost(source: av.container.InputContainer,
              target: av.container.InputContainer,
              copies: dict[av.stream.Stream, av.stream.Stream]) -> list[str]:
    """List what is lost in a copy of a file.

    Args:
        source (InputContainer): The file.
        target (InputContainer): Its copy.
        copies (dict[Stream, Stream]): Streams of the file and their copies.

    Returns:
        list[str]: Sentences about tags, flags and chapters that are lost.
    """
    cannot, lost = f'left out, a {suffix_of(target)} file cannot hold', []
    missing = _missing_tags(source, target)
    if missing:
        lost.append(f'{missing} {cannot} it')
    for stream, copy in copies.items():
        missing = _missing_tags(stream, copy)
        if missing:
            lost.append(f'{missing} of {describe(stream)} {cannot} it')
        flags = [
            flag.name for flag in _FLAGS
            if flag & stream.disposition & ~copy.disposition
        ]
        if flags:
            names = ' and '.join(map(str, flags))
            lost.append(f'flag {names} of {describe(stream)} {cannot} it')
    if len(target.chapters()) < len(source.chapters()):
        lost.append(f'chapters {cannot} them')
    return lost


def suffix_of(container: av.container.Container) -> str:
    """Return the suffix of an open file in lower case, e.g. ``.mp4``."""
    return osp.splitext(container.name)[1].lower()


def _missing_tags(source: Tagged, target: Tagged) -> str:
    present = {key.lower() for key in _tags(target)}
    names = [key for key in _tags(source) if key.lower() not in present]
    if not names:
        return ''
    return f'{"tag" if len(names) == 1 else "tags"} {", ".join(names)}'
