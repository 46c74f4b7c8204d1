# Copyright (c) DKSAN-MM contributors.
"""Scale factors of a network."""
from typing import Any

from torch import Tensor, nn


def scales_of(network: nn.Module) -> tuple[int, ...]:
    """Return the scale factors of a network; one unless it has ``scales``.

    Args:
        network (nn.Module): Network with ``scale``, and ``scales`` if it can
            stop at smaller levels.
    """
    return tuple(getattr(network, 'scales', (network.scale, )))


def choose_scale(network: nn.Module, scale: int | None) -> int:
    """Choose the scale factor of the output.

    Args:
        network (nn.Module): Network with ``scale``, and ``scales`` if it can
            stop at smaller levels.
        scale (int, optional): Requested factor; None for the network's.

    Returns:
        int: The scale factor.

    Raises:
        ValueError: If the network does not support ``scale``.
    """
    scales = scales_of(network)
    if scale is not None and scale not in scales:
        offered = ', '.join(map(str, scales))
        raise ValueError(f'{type(network).__name__} upscales by {offered}, '
                         f'got scale={scale}')
    own: Any = network.scale
    return own if scale is None else scales[scales.index(scale)]  # 4 for 4.0


def choose_model_scale(model: nn.Module, scale: int | None) -> int:
    """Choose the scale factor of a model's output outside of training.

    Args:
        model (nn.Module): Model with the network ``generator``, and
            ``test_scale`` if its config chooses one.
        scale (int, optional): Requested factor; None for that of
            ``test_cfg.scale`` in the config, else the network's.

    Returns:
        int: The scale factor.

    Raises:
        TypeError: If ``model`` is a network, without its model.
        ValueError: If the network does not support ``scale``.
    """
    if not hasattr(model, 'generator'):
        raise TypeError('model must be a result of load_model or init_model, '
                        f'got {type(model).__name__}')
    if scale is None:
        scale = getattr(model, 'test_scale', None)
    network: Any = model.generator
    return choose_scale(network, scale)


def scale_argument(network: nn.Module, scale: int | None) -> dict[str, int]:
    """Return the keyword argument that selects a network's scale factor.

    Args:
        network (nn.Module): As in :func:`choose_scale`.
        scale (int, optional): Requested factor; None for the network's.

    Returns:
        dict[str, int]: ``scale``; empty for the network's default, since
        networks with one scale have no such argument.

    Raises:
        ValueError: If the network does not support ``scale``.
    """
    chosen = choose_scale(network, scale)
    return {} if chosen == network.scale else dict(scale=chosen)


def choose_ensemble_scale(network: nn.Module, ensemble: bool | int,
                          scale: int) -> int | None:
    """Choose the scale factor of the frames that an ensemble averages.

    Args:
        network (nn.Module): As in :func:`choose_scale`; a cascade, with
            ``levels_to``, for an ensemble that ends at a level.
        ensemble (bool | int): Whether to average the results of the flips and
            rotations, or the scale factor of the level whose frames are
            averaged.
        scale (int): Scale factor of the output.

    Returns:
        int: The scale factor, at most ``scale``; None for no ensemble.

    Raises:
        ValueError: If the network has no level of the scale factor.
    """
    if isinstance(ensemble, bool):
        return scale if ensemble else None
    offered = scales_of(network) if hasattr(network, 'levels_to') else ()
    if ensemble not in offered:
        choice = ', '.join(map(str, (True, False, *offered)))
        raise ValueError(f'ensemble must be one of {choice} for '
                         f'{type(network).__name__}, got {ensemble!r}')
    return min(int(ensemble), scale)


def upscale_further(network: nn.Module, frame: Tensor, start: int,
                    scale: int) -> Tensor:
    """Upscale the frame of a cascade's level with the later levels.

    Args:
        network (nn.Module): Cascade with ``levels_to``.
        frame (Tensor[n, 3, start * h, start * w]): Frame of a level.
        start (int): Scale factor of that level.
        scale (int): Scale factor of the output.

    Returns:
        Tensor[n, 3, scale * h, scale * w]: RGB, not clipped.
    """
    cascade: Any = network
    for level in cascade.levels_to(scale, start):
        frame = level(frame)
    return frame
