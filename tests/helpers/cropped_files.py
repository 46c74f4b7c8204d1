# Copyright (c) DKSAN-MM contributors.
"""Videos whose header, not their codec, crops the frames."""
import struct
from pathlib import Path

import av

_TO_STSD = (b'moov', b'trak', b'mdia', b'minf', b'stbl', b'stsd')


def add_clean_aperture(path, size, offset):
    """Add a ``clap`` box to an MP4 file with its index at the end.

    Args:
        path (str): The file.
        size (tuple[int, int]): Width and height of what is shown.
        offset (tuple[Fraction, Fraction]): Of its centre from the frame's, to
            the right and down.
    """
    numbers = [size[0], 1, size[1], 1]
    for value in offset:
        numbers += [value.numerator, value.denominator]
    box = struct.pack('>I4s8i', 40, b'clap', *numbers)
    Path(path).write_bytes(_add(Path(path).read_bytes(), box, _TO_STSD))


def _add(boxes, box, names):
    """Append a box to the first sample entry inside boxes with some names."""
    place = 0
    while boxes[place + 4:place + 8] != names[0]:
        place += int.from_bytes(boxes[place:place + 4], 'big')
    size = int.from_bytes(boxes[place:place + 4], 'big')
    body, rest = boxes[place + 8:place + size], boxes[place + size:]
    if names[0] == b'stsd':
        length = int.from_bytes(body[8:12], 'big')
        body = (
            body[:8] + struct.pack('>I', length + len(box)) +
            body[12:8 + length] + box + body[8 + length:])
    else:
        body = _add(body, box, names[1:])
    head = struct.pack('>I4s', len(body) + 8, names[0])
    return boxes[:place] + head + body + rest


def copy_video(source, target):
    """Copy the packets of a video to another container, with its crop."""
    with av.open(str(source)) as old, av.open(str(target), 'w') as new:
        [stream] = old.streams
        copy = new.add_stream_from_template(stream)
        for packet in old.demux():
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    return str(target)
