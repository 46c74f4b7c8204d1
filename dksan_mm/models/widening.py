# Copyright (c) DKSAN-MM contributors.
"""Initial weights of a wide network from those of a trained, narrow one."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Convolutions before a PixelShuffle(2), which merges groups of four
# consecutive channels: the groups are repeated as a whole.
_SHUFFLED = ('.upscale.0.', '.expand.')


def widen(weights: Mapping[str, Tensor],
          network: nn.Module,
          *,
          noise: float = 0.25,
          seed: int = 0) -> dict[str, Tensor]:
    """Compute weights for a network with a multiple of the channels.

    Each channel is repeated, and the weights that read it are divided among
    the copies (Net2WiderNet, Chen et al., 2016). The training of a large
    network thus starts where that of a small one has ended. Equal copies would
    receive equal gradients forever, so noise is added whose sum over the
    copies is zero.

    Args:
        weights (dict[str, Tensor]): Weights of a narrow DKSANNet.
        network (nn.Module): Wide network with as many blocks and hidden
            channels of the channel attention; it is not changed.
        noise (float): Standard deviation of the noise before division,
            relative to that of the parameter. *Chosen here*.
        seed (int): Seed of the noise.

    Returns:
        dict[str, Tensor]: State dict for ``network``.

    Raises:
        ValueError: If a parameter is missing or unknown, or its new shape is
            not a multiple of the old one.
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
    """Repeat the output and input channels of a parameter."""
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
    """Draw noise scaled to the weight that sums to 0 over the copies."""
    noise = torch.randn(
        weight.shape, generator=generator).unflatten(1, (-1, copies))
    return (noise - noise.mean(2, keepdim=True)).flatten(1, 2) * weight.std()
