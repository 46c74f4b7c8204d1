# Copyright (c) DKSAN-MM contributors.
"""Faster implementations of mmcv's modulated deformable convolution."""

import math
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn

from dksan_mm.utils.registration import when_imported
from . import backend, cpp, onnx_path, plain_form, torch_path
from .checks import Geometry, IntOrPair, pair
from .precision import no_autocast
from .triton import dense_path


class _PlainModulatedDeformConv2d(nn.Module):
    """Copy of mmcv's layer: its arguments, parameters and initialisation."""

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: IntOrPair,
                 stride: IntOrPair = 1,
                 padding: IntOrPair = 0,
                 dilation: IntOrPair = 1,
                 groups: int = 1,
                 deform_groups: int = 1,
                 bias: bool = True) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.bias: nn.Parameter | None
        self.kernel_size = pair('kernel_size', kernel_size, 1)
        self.stride = pair('stride', stride, 1)
        self.padding = pair('padding', padding, 0)
        self.dilation = pair('dilation', dilation, 1)
        self.groups, self.deform_groups = groups, deform_groups
        # As in nn.Conv2d.
        self.transposed, self.output_padding = False, (0, )
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels // groups,
                        *self.kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise as in mmcv: uniform weights, zero biases."""
        reach = 1 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        nn.init.uniform_(self.weight, -reach, reach)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """Convolve in pure torch."""
        return _convolve(self, torch_path.convolve, x, offset, mask)


class ModulatedDeformConv2d(_PlainModulatedDeformConv2d):
    """``mmcv.ops.ModulatedDeformConv2d`` with faster implementations.

    Arguments, parameters, state dict and results (up to rounding) are those of
    mmcv. CPU tensors use this package's C++ operator, CUDA tensors its Triton
    kernels (see :func:`dksan_mm.ops.set_backend`). Other tensors, and all
    tensors after ``set_backend('torch')``, use mmcv's operator if ``mmcv.ops``
    has been imported, which also makes this class a subclass of mmcv's, else
    pure torch. ``torch.onnx.export`` gets standard operators.

    All of these but mmcv's operator compute in the promoted dtype, half
    precision in float32, and return the dtype of ``x``, also under autocast.
    mmcv's operator computes in the dtype of ``offset`` and does not support
    bfloat16.
    """

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x (Tensor[n, in_channels, h, w]): Input.
            offset (Tensor[n, 2GK, h_out, w_out]): (dy, dx) in pixels for each
                of K taps in each of G channel groups (``deform_groups``).
            mask (Tensor[n, GK, h_out, w_out]): Factor of each tap.

        Returns:
            Tensor[n, out_channels, h_out, w_out]: Output.

        Raises:
            ValueError: If the shapes are inconsistent.
        """
        if backend.exporting_onnx():
            return _convolve(self, onnx_path.convolve, x, offset, mask)
        plain = plain_form.needs_plain()
        if not plain and backend.use_triton(x, self.weight, 'dense'):
            return _convolve(self, dense_path.convolve, x, offset, mask)
        if not backend.use_cpp(x):
            return super().forward(x, offset, mask)
        return _convolve(self, cpp.convolve, x, offset, mask)


def _convolve(layer: _PlainModulatedDeformConv2d, run: Callable[..., Tensor],
              x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
    geometry = _checked_geometry(layer, x, offset, mask)
    bias: Tensor | None = layer.bias
    tensors: tuple[Tensor, ...] = layer.weight, offset, mask
    image = x
    if run is not dense_path.convolve:  # which reads every float dtype
        dtype = torch.promote_types(x.dtype, torch.float32)
        for tensor in tensors:
            dtype = torch.promote_types(dtype, tensor.dtype)
        tensors = tuple(tensor.to(dtype) for tensor in tensors)
        # The C++ operators read 16-bit images, and write them.
        half = x.dtype in cpp.HALVES and dtype == torch.float32
        image = x if half and run is cpp.convolve else x.to(dtype)
    weight, offset, mask = tensors
    with no_autocast(x.device.type):
        if run is cpp.convolve:  # rounds once, after the bias
            bias = None if bias is None else bias.to(weight.dtype)
            out = cpp.convolve(image, weight, offset, None, mask, geometry,
                               bias)
            return out.to(x.dtype)
        out = run(image, weight, offset, None, mask, geometry)
        if bias is not None:
            out = out + bias.to(out.dtype).view(1, -1, 1, 1)
    return out.to(x.dtype)


def _checked_geometry(layer: _PlainModulatedDeformConv2d, x: Tensor,
                      offset: Tensor, mask: Tensor) -> Geometry:
    """Check the shapes and return the operator's settings."""
    if x.ndim != 4 or x.shape[1] != layer.in_channels:
        raise ValueError(f'x must have shape (n, {layer.in_channels}, h, '
                         f'w), got {tuple(x.shape)}')
    settings = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    rows, cols = ((length + 2 * p - d * (k - 1) - 1) // s + 1
                  for length, k, s, p, d in zip(x.shape[2:], *settings))
    if any(length < 1 for length in (rows, cols)):
        raise ValueError(f'x of {x.shape[2]} x {x.shape[3]} pixels is too '
                         f'small for kernel_size {layer.kernel_size}')
    sets = layer.deform_groups * layer.kernel_size[0] * layer.kernel_size[1]
    for name, tensor, channels in (('offset', offset, 2 * sets), ('mask', mask,
                                                                  sets)):
        shape = (x.shape[0], channels, rows, cols)
        if tuple(tensor.shape) != shape:
            raise ValueError(f'{name} must have shape {shape}, got '
                             f'{tuple(tensor.shape)}')
    return Geometry(*settings, layer.groups, (x.shape[0], rows, cols),
                    layer.deform_groups, True)


def _inherit_from_mmcv(ops: ModuleType) -> None:
    """Make the class, and thus existing layers, a subclass of mmcv's."""
    ModulatedDeformConv2d.__bases__ = (ops.ModulatedDeformConv2d, )


# Importing mmcv takes seconds, and upscaling does not need it.
when_imported('mmcv.ops', _inherit_from_mmcv)
