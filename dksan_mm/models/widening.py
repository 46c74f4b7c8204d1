# Copyright (c) DKSAN-MM contributors.
"""Weights of a wider network that computes what a trained, narrow one does."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Convolutions in front of a PixelShuffle(2): four channels in a row become
# one, and are repeated together.
_SHUFFLED = ('.upscale.0.', '.expand.')


def widen(weights: Mapping[str, Tensor],
          network: nn.Module,
          *,
          noise: float = 0.25,
          seed: int = 0) -> dict[str, Tensor]:
    """Make weights of a network with a multiple of the channels.

    Each channel is repeated, and what reads the copies has its weights
    divided among them (Net2WiderNet, Chen et al., 2016), so that the training
    of a large network starts where that of a small one has ended. Equal
    shares would have equal gradients for ever: noise is added to them whose
    sum over the copies is zero.

    Args:
        weights (dict[str, Tensor]): Of a narrow DKSANNet.
        network (nn.Module): The wide one, of as many blocks and hidden
            channels of the channel attention; it stays as it is.
        noise (float): Standard deviation of the noise before division, as a
            share of that of the parameter. *Chosen here*.
        seed (int): Of the noise.

    Returns:
        dict[str, Tensor]: For ``network.load_state_dict``.

    Raises:
        ValueError: If a parameter is missing, unknown, or of a shape that is
            no multiple.
    """
    wide = network.state_dict()
    different = sorted(wide.keys() ^ weights.keys())
    if different:
        raise ValueError(f'{different[0]} is in one of the networks alone')
    generator = torch.Generator().manual_seed(seed)
    widened = {}
    for name, old in weights.items():
        new = _repeat(name, old, wide[name].shape)
        copies = new.shape[1] // old.shape[1] if old.ndim > 1 else 1
        if copies > 1:
            new = (new + noise * _balanced(new, copies, generator)) / copies
        widened[name] = new
    return widened


def _repeat(name: str, old: Tensor, shape: torch.Size) -> Tensor:
    """Repeat the channels of a parameter, those that are put out and read."""
    fits = old.ndim == len(shape) and old.shape[2:] == shape[2:]
    if not fits or any(new % size for new, size in zip(shape, old.shape)):
        raise ValueError(f'{name} is {tuple(old.shape)}, of which '
                         f'{tuple(shape)} is no multiple')
    new = old
    for axis in range(min(2, old.ndim)):
        together = 4 if axis == 0 and any(x in name for x in _SHUFFLED) else 1
        blocks = new.unflatten(axis, (-1, together))
        copies = shape[axis] // old.shape[axis]
        new = blocks.repeat_interleave(copies, axis).flatten(axis, axis + 1)
    return new


def _balanced(weight: Tensor, copies: int,
              generator: torch.Generator) -> Tensor:
    """Noise in the weight's size that cancels out over a channel's copies."""
    noise = torch.randn(
        weight.shape, generator=generator).unflatten(1, (-1, copies))
    return (noise - noise.mean(2, keepdim=True)).flatten(1, 2) * weight.std()
