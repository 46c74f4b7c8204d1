# Copyright (c) DKSAN-MM contributors.
"""Damage in FLV and Ogg files, which FFmpeg passes over without an error.

Both are chains: each tag (FLV) or page (Ogg) states its length.
"""
import zlib
from typing import BinaryIO

_FLV, _OGG = b'FLV\x01', b'OggS'
_TAGS = (8, 9, 18)  # sound, video and data
_FILTERED = 0x20  # flag of an encrypted FLV tag
_REVERSED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))


def find_damage(path: str, kind: str) -> str:
    """Look for missing parts of a file.

    Args:
        path (str): Path of the file.
        kind (str): FFmpeg's name of its format.

    Returns:
        str: A sentence on the first damage that names the path; '' if there is
        none, or for other formats.
    """
    measure = dict(flv=_measure_tag, ogg=_measure_page).get(kind)
    if measure is None:
        return ''
    with open(path, 'rb') as file:
        size = file.seek(0, 2)
        place = _start_of_tags(file) if kind == 'flv' else 0
        while place < size:
            file.seek(place)
            length = measure(file)
            if place + length > size or length == 0 and size - place < 27:
                return f'{path}: cut short at byte {size}'
            if length < 0:  # another recording, which is reported elsewhere
                break
            if length == 0:
                return (f'{path}: damaged at byte {place}, frames there are '
                        'missing')
            place += length
    return ''


def _start_of_tags(file: BinaryIO) -> int:
    file.seek(5)
    return int.from_bytes(file.read(4), 'big') + 4


def _measure_tag(file: BinaryIO) -> int:
    """Return the length of an FLV tag; 0 if damaged, -1 for a new file."""
    head = file.read(11)
    if head.startswith(_FLV):
        return -1
    is_tag = len(head) == 11 and head[0] & ~_FILTERED in _TAGS
    return 15 + int.from_bytes(head[1:4], 'big') if is_tag else 0


def _measure_page(file: BinaryIO) -> int:
    """Return the length of an Ogg page; 0 if damaged, as FFmpeg skips it."""
    head = file.read(27)
    if len(head) < 27 or not head.startswith(_OGG):
        return 0
    lengths = file.read(head[26])
    length = sum(lengths)
    body = file.read(length)
    if len(body) == length:
        stated = int.from_bytes(head[22:26], 'little')
        page = head[:22] + bytes(4) + head[26:] + lengths + body
        if _checksum(page) != stated:
            return 0
    return 27 + head[26] + length


def _checksum(page: bytes) -> int:
    """Return Ogg's CRC-32, which is that of zlib on reversed bits."""
    value = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f'{value:032b}'[::-1], 2)
