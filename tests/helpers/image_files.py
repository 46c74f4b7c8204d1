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
