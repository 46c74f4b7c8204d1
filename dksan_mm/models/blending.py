# Copyright (c) DKSAN-MM contributors.
"""Interpolation between the weights of two trainings of a network."""
from collections.abc import Mapping

import torch
from torch import Tensor


def blend_weights(first: Mapping[str, Tensor], second: Mapping[str, Tensor],
                  share: float) -> dict[str, Tensor]:
    """Interpolate between two sets of weights, parameter by parameter.

    Between a network trained with a pixel loss and the same network fine-tuned
    with a GAN loss, every share yields valid frames (network interpolation,
    Wang et al., ESRGAN, ECCV Workshops 2018).

    Args:
        first (dict[str, Tensor]): Weights for a share of 0.
        second (dict[str, Tensor]): Weights for a share of 1, with the same
            names and shapes.
        share (float): Share of ``second`` in [0, 1].

    Returns:
        dict[str, Tensor]: ``(1 - share) * first + share * second``; exact at
        0 and 1.

    Raises:
        ValueError: If ``share`` is not in [0, 1], or the weights are of
            different networks.
    """
    if not 0 <= share <= 1:
        raise ValueError(f'share must be from 0 to 1, got {share}')
    different = sorted(first.keys() ^ second.keys())
    if different:
        raise ValueError(f'{different[0]} is in only one of the networks')
    for name, value in first.items():
        if value.shape != second[name].shape:
            raise ValueError(f'{name} is {tuple(value.shape)} in one network '
                             f'and {tuple(second[name].shape)} in the other')
    return {
        name: torch.lerp(value, second[name].to(value), share)
        for name, value in first.items()
    }
