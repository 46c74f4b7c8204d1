# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel convolution as a layer (paper, sec. 3, eq. 11)."""

import math
from typing import TypedDict

import torch
from torch import Tensor, nn

from .checks import IntOrPair, output_size, pair
from .deform_kernel import deform_kernel_conv2d
from .precision import no_autocast


class _Settings(TypedDict):
    """Vertical and horizontal settings, as in ``torch.nn.Conv2d``."""
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]


class DeformKernelConv2d(nn.Module):
    """DKC layer, which predicts both kinds of offsets from its input.

    Choices the paper leaves open:

    * One filter per channel (``groups=None``), a scope of 4 x 4 weights: the
      parameter table allows no more.
    * Each kind of offset is predicted by one convolution, initialised with
      zeros, so that a new layer is an ordinary convolution.
    * No bias: the parameter table leaves no room for one.
    * The initial scope is scaled so that a new layer followed by
      LeakyReLU(0.1) keeps the variance of its input; the scale compensates
      for the averaging between cells.
    * Offsets are predicted in float32 under autocast: at a shift of 2, the
      resolution of bfloat16 is only 1/64 pixel.

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
        kernel_size (int | tuple[int, int]): Rows and columns of taps.
        scope (int): Number of rows, and of columns, of stored weights.
        stride (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        padding (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        dilation (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        groups (int, optional): Number of channel groups. Default:
            ``in_channels``, i.e. depthwise.
        image_offsets (bool): Whether to predict image offsets. False: the
            local deformable kernel of Gao et al., ICLR 2020.
        kernel_offsets (bool | str): Kernel offsets. True: predicted for each
            pixel. ``'global'``: the same for all pixels, predicted from the
            mean of the features (the global deformable kernel of Gao et al.).
            False: none, as in the code released by Gao et al.

    Raises:
        ValueError: If channels and groups are inconsistent, a size is < 1, or
            ``kernel_offsets`` has any other value.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 kernel_size: IntOrPair = 3,
                 scope: int = 4,
                 stride: IntOrPair = 1,
                 padding: IntOrPair = 1,
                 dilation: IntOrPair = 1,
                 groups: int | None = None,
                 image_offsets: bool = True,
                 kernel_offsets: bool | str = True) -> None:
        super().__init__()
        groups = in_channels if groups is None else groups
        if min(groups, in_channels, out_channels) < 1 or \
                in_channels % groups or out_channels % groups:
            raise ValueError(f'{in_channels} input and {out_channels} output '
                             f'channels do not divide into {groups} groups')
        if scope < 1:
            raise ValueError(f'scope must be at least 1, got {scope}')
        if kernel_offsets not in (True, False, 'global'):
            raise ValueError("kernel_offsets must be True, False or 'global',"
                             f' got {kernel_offsets!r}')
        self.geometry = _Settings(
            kernel_size=pair('kernel_size', kernel_size, 1),
            stride=pair('stride', stride, 1),
            padding=pair('padding', padding, 0),
            dilation=pair('dilation', dilation, 1))
        self.in_channels, self.groups = in_channels, groups
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels // groups, scope, scope))
        self.image_offset = self._predictor() if image_offsets else None
        self.global_kernel = kernel_offsets == 'global'
        self.kernel_offset = self._predictor() if kernel_offsets else None
        if self.global_kernel and self.kernel_offset is not None:
            maps = self.kernel_offset.out_channels
            self.kernel_offset = nn.Conv2d(in_channels, maps, 1)
        self.init_weights()

    def _predictor(self) -> nn.Conv2d:
        """Build a convolution that predicts (dy, dx) for each tap."""
        rows, cols = self.geometry['kernel_size']
        return nn.Conv2d(self.in_channels, 2 * rows * cols, **self.geometry)

    def init_weights(self) -> None:
        """Initialise offsets to 0 and the scope to keep the variance."""
        for predictor in (self.image_offset, self.kernel_offset):
            if predictor is not None:
                nn.init.zeros_(predictor.weight)
                if predictor.bias is not None:
                    nn.init.zeros_(predictor.bias)
        rows, cols = self.geometry['kernel_size']
        fan_in = rows * cols * self.weight.shape[1]
        gain = nn.init.calculate_gain('leaky_relu', 0.1)
        # A tap halfway between cells averages two of them along each axis.
        spread = math.prod(2**0.5 if (self.weight.shape[-1] - taps) % 2 else 1
                           for taps in (rows, cols))
        nn.init.normal_(self.weight, std=gain * spread / fan_in**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x (Tensor[n, in_channels, h, w]): Input features.

        Returns:
            Tensor[n, out_channels, h_out, w_out]: Output features.

        Raises:
            ValueError: If the number of channels differs.
        """
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f'expected input (n, {self.in_channels}, h, w), '
                             f'got {tuple(x.shape)}')
        kernel_input = x.mean((2, 3), keepdim=True) if self.global_kernel \
            else x
        kernel_offset = self._predict(self.kernel_offset, kernel_input)
        if self.global_kernel and kernel_offset is not None:
            kernel_offset = kernel_offset.expand(
                -1, -1, *output_size(x, **self.geometry))
        return deform_kernel_conv2d(x, self.weight,
                                    self._predict(self.image_offset, x),
                                    kernel_offset, **self.geometry)

    def _predict(self, predictor: nn.Conv2d | None,
                 x: Tensor) -> Tensor | None:
        """Predict offsets in the predictor's dtype, also under autocast."""
        if predictor is None:
            return None
        with no_autocast(x.device.type):
            offset: Tensor = predictor(x.to(predictor.weight.dtype))
        return offset

    def extra_repr(self) -> str:
        """Return the settings that the submodules do not show."""
        settings = ', '.join(f'{k}={v}' for k, v in self.geometry.items())
        out_channels, _, scope, _ = self.weight.shape
        return (f'{self.in_channels}, {out_channels}, scope={scope}, '
                f'groups={self.groups}, {settings}')
