# Copyright (c) DKSAN-MM contributors.
"""The factors that a network upscales by."""
from typing import Any

from torch import nn


def scales_of(network: nn.Module) -> tuple[int, ...]:
    """Factors that a network upscales by; ``scale``, unless it has several.

    Args:
        network (nn.Module): A network with ``scale``, and ``scales`` if it has
            levels that give smaller frames.
    """
    return tuple(getattr(network, 'scales', (network.scale, )))


def choose_scale(network: nn.Module, scale: int | None) -> int:
    """Choose the factor that frames are upscaled by.

    Args:
        network (nn.Module): A network with ``scale``, and ``scales`` if it has
            levels that give smaller frames.
        scale (int, optional): What is asked for; None: the network's.

    Returns:
        int: The factor.

    Raises:
        ValueError: If the network has no such scale.
    """
    scales = scales_of(network)
    if scale is not None and scale not in scales:
        offered = ', '.join(map(str, scales))
        raise ValueError(f'{type(network).__name__} upscales by {offered}, '
                         f'got scale={scale}')
    own: Any = network.scale
    return scale or own


def scale_argument(network: nn.Module, scale: int | None) -> dict[str, int]:
    """Return the argument that makes a network upscale by a factor.

    Args:
        network (nn.Module): As for :func:`choose_scale`.
        scale (int, optional): What is asked for; None: the network's.

    Returns:
        dict[str, int]: ``scale``; empty for the network's own, since networks
        of one scale have no such argument.

    Raises:
        ValueError: If the network has no such scale.
    """
    chosen = choose_scale(network, scale)
    return {} if chosen == network.scale else dict(scale=chosen)
