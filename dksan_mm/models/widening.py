# Copyright (c) DKSAN-MM contributors.
"""Initial weights of a large network from those of a trained, small one."""
import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Convolutions before a PixelShuffle(2), which merges groups of four
# consecutive channels: the groups are repeated as a whole.
_SHUFFLED = ('.upscale.0.', '.expand.')
# Residual blocks, and the last convolution of an RCAB or ResidualBlockNoBN.
_BLOCK = re.compile(r'(generator\.)?levels\.\d+\.blocks\.\d+\.')
_LAST = ('.body.2.', '.conv2.')


def widen(weights: Mapping[str, Tensor],
          network: nn.Module,
          *,
          noise: float = 0.25,
          seed: int = 0) -> dict[str, Tensor]:
    """Compute weights for a network with more channels or blocks.

    The large network computes the same frames. Each channel is repeated, and
    the weights that read it are divided among the copies (Net2WiderNet, Chen
    et al., 2016). The training of a large network thus starts where that of a
    small one has ended. Equal copies would receive equal gradients forever, so
    noise is added whose sum over the copies is zero. Additional residual
    blocks keep the initial weights of ``network``, except that their last
    convolution is zero.

    Args:
        weights (dict[str, Tensor]): Weights of a narrow DKSANNet.
        network (nn.Module): Network with a multiple of the channels, as many
            hidden channels of the channel attention, and as many blocks or
            more; it is not changed.
        noise (float): Standard deviation of the noise before division,
            relative to that of the parameter. *Chosen here*.
        seed (int): Seed of the noise.

    Returns:
        dict[str, Tensor]: State dict for ``network``.

    Raises:
        ValueError: If a parameter is missing or unknown, its new shape is not
            a multiple of the old one, or the noise is negative or not finite.
    """
    if not 0 <= noise < math.inf:
        raise ValueError(f'noise must be finite and >= 0, got {noise}')
    wide = network.state_dict()
    widened = {
        name: torch.zeros_like(new) if any(x in name for x in _LAST) else new
        for name, new in wide.items()
        if name not in weights and _BLOCK.match(name)
    }
    different = sorted(wide.keys() ^ weights.keys() ^ widened.keys())
    if different:
        raise ValueError(f'{different[0]} is in only one of the networks')
    generator = torch.Generator().manual_seed(seed)
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
        raise ValueError(f'{name} is {tuple(old.shape)}, and {tuple(shape)} '
                         'is no multiple of that')
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
