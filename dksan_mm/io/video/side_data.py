# Copyright (c) DKSAN-MM contributors.
"""Side data that FFmpeg attaches to decoded frames."""
import functools
from typing import Any

import av
from av.sidedata.sidedata import SideData, Type


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
