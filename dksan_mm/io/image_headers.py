# Copyright (c) DKSAN-MM contributors.
"""Headers of PNG and JPEG files, and chunks of PNG files."""
import struct
import zlib
from collections.abc import Iterator, Set
from dataclasses import dataclass

PNG_START, JPEG_START = b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'
# JPEG markers that start a frame header with the image size.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# White, red, green and blue of BT.709 and sRGB, in units of 1/100,000.
_BT709 = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_WIDE = (4, 8, 9, 10, 11, 12)  # primaries of H.273, such as 12 for Display P3
_BOXES = 4096  # bytes in which the boxes of an AVIF file describe its image

GAMMA = 'its tone curve (gAMA or cICP) is not applied; it is read as sRGB'
HDR = 'its HDR colours (cICP) are read as sRGB'
GAMUT = 'its wide colours (cHRM or cICP) are read as sRGB'
UNCONVERTED = {b'gamma': GAMMA, b'gamut': GAMUT, b'hdr': HDR}


@dataclass(frozen=True)
class Header:
    """Header of an image file.

    Attributes:
        size (tuple[int, int]): Stored width and height in pixels.
        bits (int): Bit depth of a channel.
        grey (bool): Whether there is a single colour channel.
        alpha (bool): Whether the file can hold transparent pixels.
        cmyk (bool): Whether there are four ink channels.
        parts (frozenset[bytes]): Those of ``b'profile'``, ``b'exif'``,
            ``b'gamma'``, ``b'gamut'`` and ``b'hdr'`` that the file has.
    """
    size: tuple[int, int]
    bits: int = 8
    grey: bool = False
    alpha: bool = False
    cmyk: bool = False
    parts: frozenset[bytes] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Return whether the decoded values need no conversion."""
        return not (self.bits > 8 or self.alpha or self.cmyk or self.parts)


def read_header(content: bytes) -> Header | None:
    """Read the header of a PNG or JPEG file.

    Args:
        content (bytes): Content of the file, or its beginning.

    Returns:
        Header | None: None for other formats and for damaged headers.
    """
    try:
        if content.startswith(PNG_START):
            return _read_png(content)
        if content.startswith(JPEG_START):
            return _read_jpeg(content)
    except (struct.error, IndexError):  # truncated
        pass
    return None


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Encode a chunk of a PNG file.

    Args:
        name (bytes): Name of four letters, such as ``b'IHDR'``.
        content (bytes): Content of the chunk.
    """
    length, check = len(content), zlib.crc32(name + content)
    return struct.pack('>I', length) + name + content + struct.pack(
        '>I', check)


def still_png(header: bytes, pixels: bytes) -> bytes:
    """Encode a PNG file of the three chunks that each needs.

    Args:
        header (bytes): Content of the IHDR chunk.
        pixels (bytes): Compressed pixels, the content of the IDAT chunk.
    """
    chunks = (b'IHDR', header), (b'IDAT', pixels), (b'IEND', b'')
    return PNG_START + b''.join(png_chunk(*chunk) for chunk in chunks)


def is_animated_webp(content: bytes) -> bool:
    """Return whether a file is an animated WebP.

    Args:
        content (bytes): Content of the file, or its first 21 bytes.
    """
    return (content[:4] == b'RIFF' and content[8:16] == b'WEBPVP8X'
            and bool(content[20:21]) and bool(content[20] & 2))


def without_animation(content: bytes) -> bytes:
    """Reduce an animated PNG to its default image.

    OpenCV's reader of animated PNGs crashes the process on damaged files.
    """
    kept, start = [content[:8]], 8
    while start < len(content):
        length, name = struct.unpack_from('>I4s',
                                          content[start:start + 8] + bytes(8))
        end = start + 12 + length
        if name not in (b'acTL', b'fcTL', b'fdAT'):
            kept.append(content[start:end])
        start = end
    return b''.join(kept)


def _read_png(content: bytes) -> Header:
    width, height, bits, kind = struct.unpack_from('>IIBB', content, 16)
    chunks = dict(_chunks(content))
    parts = {
        part
        for chunk, part in ((b'iCCP', b'profile'), (b'eXIf', b'exif'))
        if chunk in chunks
    }
    is_grey = kind in (0, 4)
    parts |= _read_png_colours(chunks) - ({b'gamut'} if is_grey else set())
    return Header((width, height), bits, is_grey, kind in (4, 6)
                  or b'tRNS' in chunks, False, frozenset(parts))


def _read_png_colours(chunks: dict[bytes, bytes]) -> set[bytes]:
    """Read what differs from sRGB; cICP and then profiles come first."""
    if b'cICP' in chunks:
        return _differences(*chunks[b'cICP'][:2])
    if {b'sRGB', b'iCCP'} & chunks.keys():
        return set()
    gamma, = struct.unpack('>I', chunks.get(b'gAMA', b'\0\0\xb1\x8f')[:4])
    parts = {b'gamma'} if abs(gamma / 100_000 - 1 / 2.2) > 0.02 else set()
    if b'cHRM' in chunks:
        gamut = struct.unpack('>8I', chunks[b'cHRM'])
        if max(abs(a - b) for a, b in zip(gamut, _BT709)) > 1000:
            parts.add(b'gamut')
    return parts


def read_avif_colours(content: bytes) -> set[bytes]:
    """Read what differs from sRGB in an AVIF file without a profile.

    Args:
        content (bytes): Content of the file.

    Returns:
        set[bytes]: As ``Header.parts``.
    """
    place = content.find(b'colrnclx', 0, _BOXES)
    codes = content[place + 8:place + 12]
    if place < 0 or len(codes) < 4:
        return set()
    return _differences(*struct.unpack('>HH', codes))


def name_unconverted(parts: Set[bytes]) -> list[str]:
    """Return phrases about colours that are read as sRGB."""
    return [note for part, note in UNCONVERTED.items() if part in parts]


def _differences(primaries: int, transfer: int) -> set[bytes]:
    """Return in what colours, coded as in ITU-T H.273, differ from sRGB."""
    if transfer in (16, 18):
        return {b'hdr'}
    parts = {b'gamut'} if primaries in _WIDE else set()
    # Gamma 2.8, linear and logarithmic curves are far from that of sRGB.
    return parts | ({b'gamma'} if transfer in (5, 8, 9, 10) else set())


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of the chunks that describe the pixels."""
    start, before = 8, True
    while start + 8 <= len(content):
        length, name = struct.unpack_from('>I4s', content, start)
        if name == b'IEND':
            return
        before &= name != b'IDAT'
        if before or name == b'eXIf':  # may follow the pixels
            # Profiles may be large and are not parsed here.
            yield name, content[start + 8:start + 8 + min(length, 32)]
        start += 12 + length


def _read_jpeg(content: bytes) -> Header:
    start, parts = 2, set()
    while True:
        marker, length = struct.unpack_from('>xBH', content, start)
        if marker == 0xFF:  # padding
            start += 1
            continue
        body = content[start + 4:start + 18]
        if marker == 0xE1 and body.startswith(b'Exif\0'):
            parts.add(b'exif')
        elif marker == 0xE2 and body.startswith(b'ICC_PROFILE\0'):
            parts.add(b'profile')
        elif marker in _FRAMES:
            bits, height, width, channels = struct.unpack('>BHHB', body[:6])
            return Header((width, height), bits, channels == 1, False,
                          channels == 4, frozenset(parts))
        start += 2 + length
