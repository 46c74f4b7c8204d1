# Copyright (c) DKSAN-MM contributors.
"""Side data that FFmpeg attaches to decoded frames."""
import functools

import av
from av.sidedata.sidedata import SideData, Type


def read_side_data(frame: av.VideoFrame) -> dict[Type, SideData]:
    """Read a frame's side data, of kinds that PyAV does not know too."""
    _name_unknown_kinds()
    return {data.type: data for data in frame.side_data}


@functools.lru_cache(None)
def _name_unknown_kinds() -> None:
    """Let PyAV name kinds of side data by number.

    Its list ends before FFmpeg's. A frame with EXIF data, for instance, would
    otherwise give none of its side data but an error.
    """

    def name(cls: type, number: int) -> Type:
        kind = object.__new__(cls)
        kind._name_, kind._value_ = f'NUMBER_{number}', number
        return kind

    Type._missing_ = classmethod(name)
