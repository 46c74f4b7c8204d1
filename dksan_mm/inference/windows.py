# Copyright (c) DKSAN-MM contributors.
"""Windows of frames of each scene of a stream, whatever upscales them."""
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Restorer(Protocol):
    """A network, cut into what is done for a frame and for a window.

    Attributes:
        num_frames (int): Frames of a window.
    """
    num_frames: int

    def encode(self, frame: NDArray[Any]) -> Any:
        """Do what concerns one frame alone, ``(h, w, 3)``, RGB, uint8."""

    def decode(self, window: Sequence[Any]) -> NDArray[Any]:
        """Make the frame in the middle of a window of encoded frames."""


def restore_stream(
    restorer: Restorer,
    frames: Iterable[NDArray[Any]],
    is_cut: Callable[[NDArray[Any], NDArray[Any]], bool] | None = None
) -> Iterator[NDArray[Any]]:
    """Upscale the frames of a video, one after the other.

    At both ends of a scene the end frame is repeated, as in evaluation.

    Args:
        restorer (Restorer): Upscales windows.
        frames (Iterable[ndarray[h, w, 3]]): RGB of one size, uint8.
        is_cut (Callable, optional): Of two consecutive frames, whether a new
            scene begins with the second.

    Yields:
        ndarray[scale * h, scale * w, 3]: One for each frame.

    Raises:
        TypeError: If a frame is no uint8 image.
        ValueError: If a frame has another shape than the first.
    """
    for scene in _scenes(check_frames(frames), is_cut):
        yield from _restore_scene(restorer, scene)


def check_frames(frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Hand on frames, all of the first one's shape.

    Raises:
        TypeError: If a frame is no uint8 image.
        ValueError: If a frame has another shape than the first.
    """
    first = None
    for index, frame in enumerate(frames):
        if getattr(frame, 'dtype', None) != np.uint8:
            raise TypeError(f'frame {index} must be a uint8 array, got '
                            f'{getattr(frame, "dtype", type(frame).__name__)}')
        first = first or frame.shape
        if frame.shape != first or frame.ndim != 3 or frame.shape[2] != 3 or \
                not frame.size:
            raise ValueError(f'frame {index} must have shape (h, w, 3)'
                             f'{"" if not index else f", as {first}"}, got '
                             f'{frame.shape}')
        yield frame


def _scenes(
        frames: Iterator[NDArray[Any]],
        is_cut: Callable[..., Any] | None) -> Iterator[Iterator[NDArray[Any]]]:
    """Cut a stream into streams; each must be used up before the next."""
    pending: deque[NDArray[Any]] = deque()  # the first frame of the next scene

    def scene(previous: NDArray[Any]) -> Iterator[NDArray[Any]]:
        yield previous
        for frame in frames:
            if is_cut is not None and is_cut(previous, frame):
                pending.append(frame)
                return
            previous = frame
            yield frame

    pending.extend(_first(frames))
    while pending:
        yield scene(pending.popleft())


def _first(frames: Iterator[NDArray[Any]]) -> list[NDArray[Any]]:
    for frame in frames:
        return [frame]
    return []


def _restore_scene(restorer: Restorer,
                   frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Restore a clip, its end frames repeated beyond the ends."""
    reach = restorer.num_frames // 2
    window: deque[Any] = deque(maxlen=2 * reach + 1)
    for frame in frames:
        latest = restorer.encode(frame)
        window.extend([latest] * (1 if window else reach + 1))
        if len(window) == window.maxlen:
            yield restorer.decode(window)
    # A clip shorter than the window's half fills it only here.
    for _ in range(reach if window else 0):
        window.append(window[-1])
        if len(window) == window.maxlen:
            yield restorer.decode(window)
