# Copyright (c) DKSAN-MM contributors.
"""Output sizes, independent of the scale factors of the network."""
from collections.abc import Sequence

Size = tuple[int | None, int | None]  # width and height
_LARGE = 1 << 30  # in place of a side that is not limited


def fit_size(frame: tuple[int, int], size: Size) -> tuple[int, int]:
    """Compute the output size of a frame, with its aspect ratio kept.

    A side that follows from the aspect ratio is rounded to an even number, as
    videos require.

    Args:
        frame (tuple[int, int]): Height and width of the LR frame.
        size (tuple): Width and height; one of them may be None.

    Returns:
        tuple[int, int]: Height and width of the output.

    Raises:
        ValueError: If the size is not above the frame's, or has no side.
    """
    (height, width), (wide, high) = frame, size
    if wide is None and high is None:
        raise ValueError(f'a size needs a width or a height, got {size}')
    by_width = float('inf') if wide is None else wide / width
    by_height = float('inf') if high is None else high / height
    if min(by_width, by_height) <= 1:
        raise ValueError(f'the frames are {width}x{height}, and '
                         f'{name_size(size)} is not larger')
    if by_width < by_height:
        return min(_even(height * by_width), high or _LARGE), wide or _LARGE
    return high or _LARGE, min(_even(width * by_height), wide or _LARGE)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


def name_size(size: Size) -> str:
    """Format a size as on the command line: ``'1920x1080'``, ``'x1080'``."""
    return 'x'.join('' if side is None else str(side) for side in size)


def choose_sufficient(scales: Sequence[int], frame: tuple[int, int],
                      target: tuple[int, int]) -> int:
    """Choose the smallest scale factor that reaches a size.

    Args:
        scales (Sequence[int]): Scale factors of the network.
        frame (tuple[int, int]): Height and width of the LR frame.
        target (tuple[int, int]): Height and width of the output.

    Returns:
        int: The scale factor.

    Raises:
        ValueError: If none is large enough.
    """
    for scale in sorted(scales):
        if all(scale * a >= b for a, b in zip(frame, target)):
            return scale
    most = max(scales)
    raise ValueError(
        f'the frames are {frame[1]}x{frame[0]}, which the network '
        f'upscales to at most {most * frame[1]}x'
        f'{most * frame[0]}, not {target[1]}x{target[0]}')
