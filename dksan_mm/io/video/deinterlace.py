# Copyright (c) DKSAN-MM contributors.
"""Deinterlacing of frames whose two fields differ in time."""
from collections import deque
from collections.abc import Iterable, Iterator

import av
import av.filter

from .filters import open_filter

# bwdif in this mode keeps the frame rate and leaves progressive frames alone.
OPTIONS = 'mode=send_frame:parity=auto:deint=interlaced'


class Deinterlacer:
    """Deinterlaces interlaced frames by FFmpeg's bwdif; keeps the others."""

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._shape: tuple[int, int, str] = (0, 0, '')
        self._waiting: deque[av.VideoFrame] = deque()
        self._times: deque[tuple[int | None, int]] = deque()
        self._count = 0

    def filter(
        self, frames: Iterable[av.VideoFrame | None]
    ) -> Iterator[av.VideoFrame | None]:
        """Deinterlace a video.

        Args:
            frames (Iterable[VideoFrame | None]): Decoded frames; None for a
                missing one.

        Yields:
            VideoFrame | None: The same number, with original times and tags.
        """
        for frame in frames:
            if frame is None:
                yield from self._flush()
                yield None
                continue
            if self._shape != _shape(frame):
                yield from self._flush()
            if self._graph is None and not frame.interlaced_frame:
                yield frame
                continue
            graph = self._open(frame) if self._graph is None else self._graph
            yield from self._push(graph, frame)
        yield from self._flush()

    def _open(self, frame: av.VideoFrame) -> av.filter.Graph:
        self._shape = _shape(frame)
        self._graph = open_filter(frame, 'bwdif', OPTIONS)
        return self._graph

    def _push(self, graph: av.filter.Graph,
              frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self._waiting.append(frame)
        self._times.append((frame.pts, frame.duration))
        # Count frames instead: timestamps may be missing or jump.
        frame.pts, self._count = self._count, self._count + 1
        graph.vpush(frame)
        yield from self._pull(graph)

    def _pull(self, graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
        while True:
            try:
                frame = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            before = self._waiting.popleft()
            frame.time_base = before.time_base
            frame.pts, frame.duration = self._times.popleft()
            frame.colorspace, frame.color_range = (before.colorspace,
                                                   before.color_range)
            frame.color_trc, frame.color_primaries = (before.color_trc,
                                                      before.color_primaries)
            yield frame

    def _flush(self) -> Iterator[av.VideoFrame]:
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull(self._graph)
        self._graph = None


def _shape(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
