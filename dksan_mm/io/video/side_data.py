# Copyright (c) DKSAN-MM contributors.
"""Side data that FFmpeg attaches to decoded frames."""
import functools
import zlib
from typing import Any

import av
from av.sidedata.sidedata import SideData, Type

from .filters import filter_frame

# Decoders of frames with named profiles, which PyAV frees twice.
NAMING = ('png', 'apng')
_HEAD = 2**20  # bytes of a file in which its profile is looked for
_REMOVAL = 'mode=delete:type=ICC_PROFILE'


def without_profile(frame: av.VideoFrame) -> av.VideoFrame:
    """Remove the colour profile of a frame.

    A profile with a name, as PNG files have, must not be read: PyAV frees the
    name, FFmpeg frees it again, and the process ends with a segmentation
    fault.

    Args:
        frame (VideoFrame): A frame of which no side data was read.

    Returns:
        VideoFrame: The frame with its other side data.
    """
    return filter_frame(frame, 'sidedata', _REMOVAL)


def has_other_profile(profile: bytes) -> bool:
    """Return whether a colour profile is another one than that of sRGB."""
    return bool(profile) and b'sRGB' not in profile.replace(b'\0', b'')


def read_png_profile(content: bytes) -> bytes:
    """Read the colour profile of a PNG image; empty if it has none.

    Args:
        content (bytes): The image, or its chunks before the pixels.
    """
    place = content.find(b'iCCP')
    size = int.from_bytes(content[max(place - 4, 0):max(place, 0)], 'big')
    _, _, packed = content[place + 4:place + 4 + size].partition(b'\0')
    try:
        return zlib.decompress(packed[1:]) if place >= 4 else b''
    except zlib.error:
        return b''


def read_profile(frame: av.VideoFrame) -> bytes:
    """Read the colour profile of a frame of another decoder, if any."""
    data: Any = read_side_data(frame).get(Type.ICC_PROFILE, b'')
    return bytes(data)


def read_profile_of(path: str) -> bytes:
    """Read the colour profile of an animated PNG, WebP or AVIF file."""
    with open(path, 'rb') as file:
        content = file.read(_HEAD)
    if content[4:8] == b'ftyp':
        _, found, rest = content.partition(b'colrprof')
        return rest if found else b''
    if content[:4] != b'RIFF':
        return read_png_profile(content)
    size = int.from_bytes(content[34:38], 'little')
    return content[38:38 + size] if content[30:34] == b'ICCP' else b''


def read_side_data(frame: av.VideoFrame) -> dict[Type, SideData]:
    """Read a frame's side data, including kinds that PyAV does not know."""
    _name_unknown_kinds()
    found: Any = frame.side_data  # PyAV does not type its items
    return {data.type: data for data in found}


@functools.lru_cache(None)
def _name_unknown_kinds() -> None:
    """Let PyAV name unknown kinds of side data by number.

    Its list is shorter than FFmpeg's. Otherwise one unknown kind, such as
    EXIF data, would make all side data of a frame an error.
    """

    def name(cls: type[Type], number: int) -> Type:
        kind: Any = object.__new__(cls)
        kind._name_, kind._value_ = f'NUMBER_{number}', number
        named: Type = kind
        return named

    setattr(Type, '_missing_', classmethod(name))
