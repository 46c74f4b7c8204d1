# Copyright (c) DKSAN-MM contributors.
"""Animated PNGs, written chunk by chunk."""
import struct
import zlib

import numpy as np

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels


def chunk(kind, data):
    return (struct.pack('>I', len(data)) + kind + data +
            struct.pack('>I', zlib.crc32(kind + data)))


def compress(image):
    rows = image.astype('>u2' if image.dtype == np.uint16 else np.uint8)
    return zlib.compress(b''.join(b'\0' + row.tobytes() for row in rows))


def write_apng(path, frames, default=None):
    """Write an APNG from frames and an optional default image.

    A frame is (image, x, y, numerator and denominator of the seconds, dispose,
    blend). The default image is not a frame.
    """
    first = frames[0][0] if default is None else default
    h, w, channels = first.shape
    depth = 16 if first.dtype == np.uint16 else 8
    head = struct.pack('>IIBBBBB', w, h, depth, COLOR_TYPES[channels], 0, 0, 0)
    parts = [
        b'\x89PNG\r\n\x1a\n',
        chunk(b'IHDR', head),
        chunk(b'acTL', struct.pack('>II', len(frames), 0))
    ]
    number = 0
    if default is not None:
        parts.append(chunk(b'IDAT', compress(default)))
    for index, (image, x, y, time, per, dispose, blend) in enumerate(frames):
        control = struct.pack('>IIIIIHHBB', number, image.shape[1],
                              image.shape[0], x, y, time, per, dispose, blend)
        parts.append(chunk(b'fcTL', control))
        number += 1
        if index or default is not None:
            data = struct.pack('>I', number) + compress(image)
            parts.append(chunk(b'fdAT', data))
            number += 1
        else:
            parts.append(chunk(b'IDAT', compress(image)))
    path.write_bytes(b''.join(parts) + chunk(b'IEND', b''))
    return path


def random_frames(channels, kind):
    random = np.random.default_rng(channels)
    sizes = [((16, 24), 0, 0), ((8, 10), 3, 4), ((8, 10), 5, 6),
             ((6, 6), 1, 1), ((4, 5), 2, 2), ((7, 9), 0, 3)]
    modes = [(0, 0), (0, 1), (1, 1), (2, 0), (0, 1), (0, 0)]
    times = [(1, 10), (2, 10), (40, 0), (1, 4), (0, 10), (3, 100)]
    return [(random.integers(0,
                             np.iinfo(kind).max + 1,
                             (*size, channels)).astype(kind), x, y, *time,
             *mode) for (size, x, y), time, mode in zip(sizes, times, modes)]
