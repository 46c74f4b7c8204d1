# Copyright (c) DKSAN-MM contributors.
"""MP4 files of which players show other parts, in another order."""
import struct
from pathlib import Path


def set_edits(path, edits):
    """Replace the edit lists of an MP4 file whose index is at its end.

    Args:
        path (Path): The file, which is changed.
        edits (list[list[tuple[int, int]]]): Of each track, durations in ms,
            the unit of FFmpeg's files, and first ticks of what is shown; a
            first tick of -1 is a pause.
    """
    content, rest = Path(path).read_bytes(), list(edits)
    parts = [_changed(*box, rest) for box in _boxes(content)]
    Path(path).write_bytes(b''.join(parts))


def _boxes(content):
    place = 0
    while place < len(content):
        size, kind = struct.unpack_from('>I4s', content, place)
        yield kind, content[place + 8:place + size]
        place += size


def _changed(kind, body, rest):
    if kind == b'moov':
        body = b''.join(_changed(*box, rest) for box in _boxes(body))
    elif kind == b'trak':
        edit = _box(b'edts', _edit_list(rest.pop(0)))
        body = b''.join(
            _box(*box) + (edit if box[0] == b'tkhd' else b'')
            for box in _boxes(body) if box[0] != b'edts')
    return _box(kind, body)


def _edit_list(edits):
    lines = [struct.pack('>Iii', *edit, 1 << 16) for edit in edits]
    return _box(b'elst', struct.pack('>II', 0, len(edits)) + b''.join(lines))


def _box(kind, body):
    return struct.pack('>I4s', len(body) + 8, kind) + body
