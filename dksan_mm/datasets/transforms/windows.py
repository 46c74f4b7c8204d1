# Copyright (c) DKSAN-MM contributors.
"""Frame indices of windows, including the ends of a clip."""

PADDINGS = ('replicate', 'reflect')


def window_indices(center: int,
                   num_frames: int,
                   *,
                   length: int,
                   interval: int = 1,
                   padding: str = 'replicate') -> list[int]:
    """Compute the indices of the frames around a centre within a clip.

    Every clip has at least one frame. The paper does not specify padding at
    the ends of a clip. 'replicate' is *chosen here*: it never adds a frame
    that is farther from the centre than the window reaches, and it works in
    the same way for clips shorter than the window.

    Args:
        center (int): Index of the centre frame.
        num_frames (int): Frames of the window, odd.
        length (int): Frames of the clip.
        interval (int): Distance between adjacent frames of the window.
        padding (str): Padding beyond the ends: 'replicate' repeats the first
            or last frame, 'reflect' mirrors the clip without repeating it.

    Returns:
        list[int]: ``num_frames`` indices in ``[0, length)``; the middle one
        is ``center``.

    Raises:
        ValueError: If an argument is out of range; names its value.

    Examples:
        >>> window_indices(0, 5, length=9)
        [0, 0, 0, 1, 2]
        >>> window_indices(0, 5, length=9, padding='reflect')
        [2, 1, 0, 1, 2]
    """
    if num_frames < 1 or num_frames % 2 == 0:
        raise ValueError(f'num_frames must be odd, got {num_frames}')
    if interval < 1:
        raise ValueError(f'interval must be at least 1, got {interval}')
    if not 0 <= center < length:
        raise ValueError(
            f'center must be in [0, length={length}), got {center}')
    if padding not in PADDINGS:
        raise ValueError(f'padding must be one of {PADDINGS}, got {padding!r}')
    reach = num_frames // 2 * interval
    wanted = range(center - reach, center + reach + 1, interval)
    if padding == 'replicate':
        return [min(max(index, 0), length - 1) for index in wanted]
    # Reflected indices repeat with this period.
    period = max(2 * (length - 1), 1)
    return [min(index % period, period - index % period) for index in wanted]
