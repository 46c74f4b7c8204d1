# Copyright (c) DKSAN-MM contributors.
"""Small parts of the network: plain convolutions, RCAB and the x2 upscale."""

from typing import Callable, Dict, Optional, Sequence, Tuple

import torch
from mmagic.models.archs import ResidualBlockNoBN
from mmagic.models.utils import default_init_weights
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from dksan_mm.bands import (accumulator, add_scaled, in_bands, run_layers,
                            spans, take_rows)


def conv3x3(in_channels: int,
            out_channels: int,
            *,
            stride: int = 1,
            scale: float = 1.) -> nn.Conv2d:
    """A 3x3 convolution with zero padding, initialised as mmagic's EDVR is.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Pixels between output pixels.
        scale (float): Factor of the Kaiming-normal weights. *Chosen here*:
            0.1 for the last layer of a residual, as in ESRGAN.

    Returns:
        nn.Conv2d: The layer, its bias 0.
    """
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    default_init_weights(conv, scale)
    return conv


def lrelu() -> nn.LeakyReLU:
    """LeakyReLU as in EDVR, slope 0.1 (the paper does not give its slope)."""
    return nn.LeakyReLU(0.1, inplace=True)


def run(part: Callable, *inputs, with_cp: bool):
    """Call a part of a network.

    Args:
        part (Callable): A module or function without random numbers.
        *inputs: Its inputs, tensors or lists of them.
        with_cp (bool): Keep none of its activations for the backward pass,
            which computes them again (activation checkpointing).

    Returns:
        Tensor: Its output.
    """
    if not with_cp or not torch.is_grad_enabled():
        return part(*inputs)
    return checkpoint(
        part, *inputs, use_reentrant=False, preserve_rng_state=False)


def run_blocks(blocks: nn.Sequential, x: Tensor, *, with_cp: bool) -> Tensor:
    """Call blocks one after the other; ``with_cp``, two of them a part.

    Two: *chosen here*. What a part keeps, its input, and what it computes
    again, some maps a block, are then about equal for ten blocks.

    Args:
        blocks (nn.Sequential): The blocks.
        x (Tensor): The first one's input.
        with_cp (bool): As in :func:`run`.

    Returns:
        Tensor: The last one's output.
    """
    if not with_cp:
        return blocks(x)
    blocks = list(blocks)
    for i in range(0, len(blocks), 2):
        x = run(nn.Sequential(*blocks[i:i + 2]), x, with_cp=with_cp)
    return x


def in_float32(x: Tensor) -> Tensor:
    """Under autocast: ``x`` in float32, to add many small residuals to.

    bfloat16 has 8 significant bits: what a residual block adds, a tenth of
    its input and less, would mostly be rounded away.
    """
    half = torch.is_autocast_enabled(x.device.type)
    return x.float() if half else x


def centred(frames: Tensor, mean: float) -> Tensor:
    """Frames minus what they usually are; as they are if it is 0.

    What a convolution pads with, zero, is then that mean instead of black.
    """
    return frames - mean if mean else frames


@MODELS.register_module()
class RCAB(nn.Module):
    """Residual channel attention block (paper, sec. 3; Zhang et al. 2018).

    ``x + attention(conv(relu(conv(x))))``, where the attention is one factor
    per channel, computed from the mean of the channel over all pixels.

    Args:
        channels (int): Channels of input and output.
        reduction (int): The attention's hidden layer has
            ``channels // reduction`` channels; paper: 16.

    Raises:
        ValueError: If ``reduction`` leaves no hidden channel.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f'reduction must be in [1, {channels}], got '
                             f'{reduction}')
        self.body = nn.Sequential(
            conv3x3(channels, channels, scale=0.1), nn.ReLU(inplace=True),
            conv3x3(channels, channels, scale=0.1))
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // reduction,
                      1), nn.ReLU(inplace=True),
            nn.Conv2d(channels // reduction, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor[n, channels, h, w]): Input features.

        Returns:
            Tensor[n, channels, h, w]: Output features.
        """
        out = self.body(x)
        return x + out * self.attention(out)


class Trunk(nn.Sequential):
    """Residual blocks, one after the other (paper, part of R_i in eq. 5-8).

    Without gradients, two maps of the whole frame suffice for any number of
    blocks: their sum, and the latest residual, which waits for its channels'
    means over the frame. See :mod:`dksan_mm.bands`.

    Args:
        *blocks (RCAB | ResidualBlockNoBN): The blocks.

    Attributes:
        given_means (list, optional): Without gradients, the channels' means
            to use for each block in the place of its own.
        said_means (list, optional): Where to put each block's means.
        with_cp (bool): Activation checkpointing, block by block.
    """

    given_means = said_means = None
    with_cp = False

    def forward(self, x: Tensor) -> Tensor:
        """Apply all blocks.

        Args:
            x (Tensor[n, channels, h, w]): Input features.

        Returns:
            Tensor[n, channels, h, w]: Output features, a new tensor.
        """
        if not in_bands():
            x = in_float32(x)
            return run_blocks(self, x, with_cp=True) if self.with_cp else \
                super().forward(x)
        total, step = accumulator(x), None
        for i, block in enumerate(self):
            residual, mean = _residual(block, total, step)
            if self.said_means is not None:
                self.said_means.append(mean)
            if self.given_means is not None:
                mean = self.given_means[i]
            step = _Step(residual, _factor(block, mean))
        for band in spans(*x.shape[2:]):
            step.add_to(total, band)
        return total


class _Step:
    """A block's residual, which waits to be added.

    Args:
        bands (dict): First and last row of each band -> the residual's rows.
        factor (Tensor[n, channels, 1, 1]): What to multiply them with.
    """

    def __init__(self, bands: Dict[Tuple[int, int], Tensor],
                 factor: Tensor) -> None:
        self.bands, self.factor = bands, factor

    def add_to(self, total: Tensor, band: Tuple[int, int]) -> None:
        """Add one band, and forget it."""
        start, stop = band
        add_scaled(total[:, :, start:stop], self.bands.pop(band), self.factor)


def _residual(block: nn.Module, total: Tensor,
              last: Optional[_Step]) -> Tuple[dict, Tensor]:
    """Add the last block's residual to ``total``, and make this block's.

    Returns:
        tuple: The bands of the residual, and its mean over the frame.
    """
    height, width = total.shape[2:]
    dtype = torch.promote_types(total.dtype, torch.float32)
    bands, sums, residual = spans(height, width), 0, {}
    for i, (start, stop) in enumerate(bands):
        if last is not None:  # this band reads rows of the next
            for band in bands[i + (i > 0):i + 2]:
                last.add_to(total, band)
        rows = run_layers(body_of(block), take_rows(total, start, stop, 2))
        residual[start, stop] = rows.crop(start, stop)
        sums = sums + residual[start, stop].sum((2, 3), True, dtype=dtype)
    return residual, sums / (height * width)


def body_of(block: nn.Module) -> Sequence[nn.Module]:
    """The layers that make a residual block's residual."""
    if isinstance(block, ResidualBlockNoBN):
        return block.conv1, block.relu, block.conv2
    return block.body


def _factor(block: nn.Module, mean: Tensor) -> Tensor:
    """What a block multiplies its residual with."""
    if isinstance(block, ResidualBlockNoBN):
        return torch.full_like(mean, block.res_scale)
    return block.attention[1:](mean.to(block.attention[1].weight.dtype))


class Extractor(nn.Sequential):
    """Features of a level's input frame (paper, E_2 to E_4).

    One convolution and one residual block, evaluated in bands.

    Args:
        channels (int): Channels of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(conv3x3(3, channels), ResidualBlockNoBN(channels))

    def forward(self, frame: Tensor) -> Tensor:
        """Extract the features.

        Args:
            frame (Tensor[n, 3, h, w]): RGB, about [0, 1].

        Returns:
            Tensor[n, channels, h, w]: Features.
        """
        if not in_bands():
            return super().forward(frame)
        frame = frame.contiguous(memory_format=torch.channels_last)
        features = None
        for start, stop in spans(*frame.shape[2:]):
            rows = run_layers([self[0]], take_rows(frame, start, stop, 3))
            residual = run_layers(body_of(self[1]), rows)
            out = torch.add(
                rows.crop(start, stop),
                residual.crop(start, stop),
                alpha=self[1].res_scale)
            if features is None:
                features = torch.empty((*out.shape[:2], *frame.shape[2:]),
                                       dtype=out.dtype,
                                       device=out.device,
                                       memory_format=torch.channels_last)
            features[:, :, start:stop] = out
        return features


@MODELS.register_module()
class UpscaleX2(nn.Sequential):
    """The reconstructed residual of one level, x2 (paper, U_i in eq. 5-8).

    conv, PixelShuffle, LeakyReLU, conv, LeakyReLU, conv: the paper gives the
    kinds of layers and the 3 maps of the last one; widths and order follow
    the authors' challenge code. *Chosen here*: the last layer starts at a
    thousandth of the usual, so that a fresh network is bicubic, almost.

    Args:
        channels (int): Channels of the input, an even number.
        out_channels (int): Channels of the output image.

    Raises:
        ValueError: If ``channels`` is odd.
    """

    def __init__(self, channels: int, out_channels: int = 3) -> None:
        if channels % 2:
            raise ValueError(f'channels must be even, got {channels}')
        half = channels // 2
        super().__init__(
            conv3x3(channels, 4 * half), nn.PixelShuffle(2), lrelu(),
            conv3x3(half, half), lrelu(),
            conv3x3(half, out_channels, scale=0.001))

    def forward(self, x: Tensor) -> Tensor:
        """Make the residual of twice the size.

        Args:
            x (Tensor[n, channels, h, w]): Features.

        Returns:
            Tensor[n, out_channels, 2h, 2w]: The residual.
        """
        if not in_bands():
            return super().forward(x)
        bands = [
            run_layers(self, take_rows(x, start, stop,
                                       2)).crop(2 * start, 2 * stop)
            for start, stop in spans(*x.shape[2:])
        ]
        return torch.cat(bands, 2)
