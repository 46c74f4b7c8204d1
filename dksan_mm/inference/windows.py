# Copyright (c) DKSAN-MM contributors.
"""Sliding windows over the frames of each scene of a stream."""
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Restorer(Protocol):
    """Network, split into a step per frame and a step per window.

    Attributes:
        num_frames (int): Number of frames of a window.
    """
    num_frames: int

    def encode(self, frame: NDArray[Any]) -> Any:
        """Encode one frame ``(h, w, 3)``, RGB, uint8."""

    def decode(self, window: Sequence[Any]) -> NDArray[Any]:
        """Restore the centre frame of a window of encoded frames."""


def restore_stream(
    restorer: Restorer,
    frames: Iterable[NDArray[Any]],
    is_cut: Callable[[NDArray[Any], NDArray[Any]], bool] | None = None
) -> Iterator[NDArray[Any]]:
    """Upscale the frames of a video one by one.

    The first and last frames of a scene are repeated, as in evaluation.

    Args:
        restorer (Restorer): Network that upscales windows.
        frames (Iterable[ndarray[h, w, 3]]): RGB frames of one size, uint8.
        is_cut (Callable, optional): Function of two consecutive frames that
            returns whether a new scene begins with the second.

    Yields:
        ndarray[scale * h, scale * w, 3]: One output frame per input frame.

    Raises:
        TypeError: If a frame is not a uint8 array.
        ValueError: If the shape of a frame differs from the first one's.
    """
    for scene in _scenes(check_frames(frames), is_cut):
        yield from _restore_scene(restorer, scene)


def check_frames(frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Pass frames on after checking their type and shape.

    Raises:
        TypeError: If a frame is not a uint8 array.
        ValueError: If the shape of a frame differs from the first one's.
    """
    first = None
    for index, frame in enumerate(frames):
        if getattr(frame, 'dtype', None) != np.uint8:
            raise TypeError(f'frame {index} must be a uint8 array of numpy, '
                            f'got {_describe(frame)}')
        first = first or frame.shape
        if frame.shape != first or frame.ndim != 3 or frame.shape[2] != 3 or \
                not frame.size:
            raise ValueError(f'frame {index} must have shape (h, w, 3)'
                             f'{"" if not index else f", as {first}"}, got '
                             f'{frame.shape}')
        yield frame


def _describe(frame: Any) -> str:
    """Name the type of what is no frame, and that of its values."""
    values = getattr(frame, 'dtype', None)
    return type(frame).__name__ + (f' of {values}' if values else '')


def _scenes(
        frames: Iterator[NDArray[Any]],
        is_cut: Callable[..., Any] | None) -> Iterator[Iterator[NDArray[Any]]]:
    """Split a stream into scenes; exhaust each before taking the next."""
    pending: deque[NDArray[Any]] = deque()  # first frame of the next scene

    def scene(previous: NDArray[Any]) -> Iterator[NDArray[Any]]:
        yield previous
        for frame in frames:
            if is_cut is not None and is_cut(previous, frame):
                pending.append(frame)
                return
            previous = frame
            yield frame

    pending.extend(itertools.islice(frames, 1))
    while pending:
        yield scene(pending.popleft())


def _restore_scene(restorer: Restorer,
                   frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Restore a clip, repeating its first and last frames."""
    reach = restorer.num_frames // 2
    window: deque[Any] = deque(maxlen=2 * reach + 1)
    for frame in frames:
        latest = restorer.encode(frame)
        window.extend([latest] * (1 if window else reach + 1))
        if len(window) == window.maxlen:
            yield restorer.decode(window)
    # A clip shorter than half a window fills the window only here.
    for _ in range(reach if window else 0):
        window.append(window[-1])
        if len(window) == window.maxlen:
            yield restorer.decode(window)
