# Copyright (c) DKSAN-MM contributors.
"""Image files, made by Pillow or byte by byte."""
import io
import struct
import zlib

import numpy as np
from PIL import ImageCms

COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]],
                    [[255, 255, 255], [128, 128, 128], [200, 40, 40]]],
                   np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def encoded(image, kind='PNG', **options):
    """Encode an image as the content of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(kind, bits, rows, *chunks, size=(1, 1)):
    """Make a PNG file from its raw rows."""

    def chunk(name, body):
        crc = zlib.crc32(name + body)
        return struct.pack('>I', len(body)) + name + body + struct.pack(
            '>I', crc)

    head = struct.pack('>IIBBBBB', *size, bits, kind, 0, 0, 0)
    body = b''.join(b'\0' + row for row in rows)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) +
            b''.join(chunk(*c) for c in chunks) +
            chunk(b'IDAT', zlib.compress(body)) + chunk(b'IEND', b''))


def tiff(values,
         photometric,
         *,
         extra=None,
         kind=1,
         planar=1,
         order='<',
         turn=None,
         differences=False):
    """Make a TIFF file of one strip, or of one for each channel.

    Args:
        values (ndarray[h, w, c]): Stored values.
        photometric (int): What they are: 0 for white is zero, 1 for grey, 2
            for RGB, 5 for inks.
        extra (int, optional): What the last channel is: 0 for nothing known,
            1 for alpha that the colours are multiplied by, 2 for other alpha.
        kind (int): 1 for unsigned, 2 for signed, 3 for floating-point.
        planar (int): 2 for channels that are stored one after the other.
        order (str): '<' or '>' for the order of bytes.
        turn (int, optional): Orientation, 1 to 8.
        differences (bool): Whether to store, in Deflate, the first column and
            then the differences between neighbours.
    """
    h, w, c = values.shape
    if differences:
        values = np.diff(values, axis=1, prepend=values.dtype.type(0))
    values = values.astype(values.dtype.newbyteorder(order))
    planes = list(values.transpose(2, 0, 1)) if planar == 2 else [values]
    strips = [plane.tobytes() for plane in planes]
    if differences:
        strips = [zlib.compress(strip) for strip in strips]
    body, sizes = b''.join(strips), [len(strip) for strip in strips]
    entries = [(256, [w]), (257, [h]), (258, [8 * values.dtype.itemsize] * c),
               (259, [8 if differences else 1]), (262, [photometric]),
               (273, [8 + sum(sizes[:n]) for n in range(len(sizes))]),
               (277, [c]), (278, [h]), (279, sizes), (284, [planar])]
    entries += [(317, [2])] if differences else []
    entries += [] if extra is None else [(338, [extra])]
    entries += [] if turn is None else [(274, [turn])]
    entries.sort()
    entries.append((339, [kind] * c))
    place = 8 + len(body) + 2 + 12 * len(entries) + 4
    table, rest = struct.pack(order + 'H', len(entries)), b''
    for tag, numbers in entries:
        code = 'I' if tag in (273, 279) else 'H'
        packed = struct.pack(order + code * len(numbers), *numbers)
        if len(packed) > 4:
            rest, packed = rest + packed, struct.pack(order + 'I',
                                                      place + len(rest))
        head = struct.pack(order + 'HHI', tag, 4 if code == 'I' else 3,
                           len(numbers))
        table += head + packed.ljust(4, b'\0')
    start = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(
        order + 'I', 8 + len(body))
    return start + body + table + bytes(4) + rest
