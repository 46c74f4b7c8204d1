# Copyright (c) DKSAN-MM contributors.
"""Side data that FFmpeg attaches to decoded frames."""
import functools
from typing import Any

import av
from av.sidedata.sidedata import SideData, Type


def read_side_data(frame: av.VideoFrame) -> dict[Type, SideData]:
    """Read a frame's side data, of kinds that PyAV does not know too."""
    _name_unknown_kinds()
    found: Any = frame.side_data  # whose items' type PyAV does not state
    return {data.type: data for data in found}


@functools.lru_cache(None)
def _name_unknown_kinds() -> None:
    """Let PyAV name kinds of side data by number.

    Its list ends before FFmpeg's. A frame with EXIF data, for instance, would
    otherwise give none of its side data but an error.
    """

    def name(cls: type[Type], number: int) -> Type:
        kind: Any = object.__new__(cls)
        kind._name_, kind._value_ = f'NUMBER_{number}', number
        named: Type = kind
        return named

    setattr(Type, '_missing_', classmethod(name))
