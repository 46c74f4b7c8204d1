# Copyright (c) DKSAN-MM contributors.
"""mmcv's modulated deformable convolution, fast on a CPU."""

import mmcv.ops
import torch
from torch import Tensor

from . import backend, cpp
from .checks import Geometry
from .precision import no_autocast


class ModulatedDeformConv2d(mmcv.ops.ModulatedDeformConv2d):
    """``mmcv.ops.ModulatedDeformConv2d`` with a faster CPU implementation.

    Same arguments, parameters, state dict and numbers (to rounding). CPU
    tensors go through this package's C++ operator (see
    :func:`dksan_mm.ops.set_backend`); all others, and CPU tensors after
    ``set_backend('torch')``, through mmcv's own.

    On a CPU, tensors of different types are computed in the promoted one,
    half precision in float32, and the output has the type of ``x``, also
    under autocast; mmcv's own computes in the type of ``offset``, and has no
    bfloat16.
    """

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            x (Tensor[n, in_channels, h, w]): Input.
            offset (Tensor[n, 2GK, h_out, w_out]): (dy, dx) for each of K taps
                in each of G groups of channels (``deform_groups``), in pixels.
            mask (Tensor[n, GK, h_out, w_out]): Factor of each tap.

        Returns:
            Tensor[n, out_channels, h_out, w_out]: Output.

        Raises:
            ValueError: If the shapes do not fit together.
        """
        if not backend.use_cpp(x):
            return super().forward(x, offset, mask)
        geometry = self._checked_geometry(x, offset, mask)
        dtype = torch.float32
        for tensor in (x, offset, mask, self.weight):
            dtype = torch.promote_types(dtype, tensor.dtype)
        with no_autocast(x.device.type):
            out = cpp.convolve(
                x.to(dtype), self.weight.to(dtype), offset.to(dtype), None,
                mask.to(dtype), geometry)
            if self.bias is not None:
                out = out + self.bias.to(dtype).view(1, -1, 1, 1)
        return out.to(x.dtype)

    def _checked_geometry(self, x: Tensor, offset: Tensor,
                          mask: Tensor) -> Geometry:
        """The settings in the operator's terms, once the shapes fit."""
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f'x must have shape (n, {self.in_channels}, h, '
                             f'w), got {tuple(x.shape)}')
        settings = (self.kernel_size, self.stride, self.padding, self.dilation)
        size = tuple((length + 2 * p - d * (k - 1) - 1) // s + 1
                     for length, k, s, p, d in zip(x.shape[2:], *settings))
        if any(length < 1 for length in size):
            raise ValueError(f'x of {x.shape[2]} x {x.shape[3]} pixels is too '
                             f'small for kernel_size {self.kernel_size}')
        sets = self.deform_groups * self.kernel_size[0] * self.kernel_size[1]
        for name, tensor, channels in (('offset', offset, 2 * sets),
                                       ('mask', mask, sets)):
            shape = (x.shape[0], channels, *size)
            if tuple(tensor.shape) != shape:
                raise ValueError(f'{name} must have shape {shape}, got '
                                 f'{tuple(tensor.shape)}')
        return Geometry(*settings, self.groups, (x.shape[0], *size),
                        self.deform_groups, True)
