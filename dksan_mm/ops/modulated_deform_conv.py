# Copyright (c) DKSAN-MM contributors.
"""Faster implementations of mmcv's modulated deformable convolution."""

import math
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn

from dksan_mm.utils.registration import when_imported
from . import backend, cpp, onnx_path, plain_form, torch_path
from .checks import Geometry, IntOrPair, check_shape, output_size, pair
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
            return _convolve_in_triton(self, x, offset, mask)
        if not backend.use_cpp(x):
            return super().forward(x, offset, mask)
        return _convolve_in_cpp(self, x, offset, mask)


def _convolve(layer: _PlainModulatedDeformConv2d, run: Callable[..., Tensor],
              x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
    """Convolve tensors converted to one dtype, then add the bias."""
    geometry = _checked_geometry(layer, x, offset, mask)
    dtype = _common_dtype(layer, x, offset, mask)
    tensors = (t.to(dtype) for t in (x, layer.weight, offset, mask))
    with no_autocast(x.device.type):
        image, weight, offset, mask = tensors
        out = run(image, weight, offset, None, mask, geometry)
        return _add_bias(out, layer.bias).to(x.dtype)


def _convolve_in_triton(layer: _PlainModulatedDeformConv2d, x: Tensor,
                        offset: Tensor, mask: Tensor) -> Tensor:
    """Convolve by kernels that read tensors of every dtype."""
    geometry = _checked_geometry(layer, x, offset, mask)
    with no_autocast(x.device.type):
        out = dense_path.convolve(x, layer.weight, offset, None, mask,
                                  geometry)
        return _add_bias(out, layer.bias).to(x.dtype)


def _convolve_in_cpp(layer: _PlainModulatedDeformConv2d, x: Tensor,
                     offset: Tensor, mask: Tensor) -> Tensor:
    """Convolve by operators that read and write 16-bit images.

    They round once, after the bias.
    """
    geometry = _checked_geometry(layer, x, offset, mask)
    dtype = _common_dtype(layer, x, offset, mask)
    half = x.dtype in cpp.HALVES and dtype == torch.float32
    bias = None if layer.bias is None else layer.bias.to(dtype)
    weight, offset, mask = (t.to(dtype) for t in (layer.weight, offset, mask))
    with no_autocast(x.device.type):
        out = cpp.convolve(
            x if half else x.to(dtype), weight, offset, None, mask, geometry,
            bias)
        return out.to(x.dtype)


def _common_dtype(layer: _PlainModulatedDeformConv2d, *tensors:
                  Tensor) -> torch.dtype:
    """Return the dtype to compute in: the promoted one, float32 or more."""
    dtype = torch.promote_types(layer.weight.dtype, torch.float32)
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def _add_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias.to(out.dtype).view(1, -1, 1, 1)


def _checked_geometry(layer: _PlainModulatedDeformConv2d, x: Tensor,
                      offset: Tensor, mask: Tensor) -> Geometry:
    """Check the shapes and return the operator's settings."""
    if x.ndim != 4 or x.shape[1] != layer.in_channels:
        raise ValueError(f'x must have shape (n, {layer.in_channels}, h, '
                         f'w), got {tuple(x.shape)}')
    settings = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    size = output_size(x, *settings)
    sets = layer.deform_groups * layer.kernel_size[0] * layer.kernel_size[1]
    check_shape('offset', offset, (x.shape[0], 2 * sets, *size))
    check_shape('mask', mask, (x.shape[0], sets, *size))
    return Geometry(*settings, layer.groups, (x.shape[0], *size),
                    layer.deform_groups, True)


def _inherit_from_mmcv(ops: ModuleType) -> None:
    """Make the class, and thus existing layers, a subclass of mmcv's."""
    ModulatedDeformConv2d.__bases__ = (ops.ModulatedDeformConv2d, )


# Importing mmcv takes seconds, and upscaling does not need it.
when_imported('mmcv.ops', _inherit_from_mmcv)
