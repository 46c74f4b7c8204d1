# Copyright (c) DKSAN-MM contributors.
r"""Deformable kernel convolution (DKC).

Definition (paper, eq. 10 and 11), for output pixel p, tap k of the kernel,
channel c and the stored weights W, the S x S *scope*::

    out_c(p) = sum_k W_c(k + dk_k(p)) * m_k(p) * x_c(p + k + dp_k(p))

``W`` and ``x`` are sampled bilinearly. The paper does not specify borders.
Kernel coordinates are clamped to the scope, [0, S - 1], as in the global form
of Gao et al. (Deformable Kernels, ICLR 2020); image samples outside the frame
are 0, as in every deformable convolution.

Bilinear sampling of the scope is linear in its cells, so the sum factorises,
and the dense form needs one matrix product::

    A[p,k,s] = bilinear weight of scope cell s for tap k, from dk alone
    z[p,s,c] = sum_k A[p,k,s] * m_k(p) * x_c(p + k + dp_k(p))
    out[p,o] = sum_{s,c} W[o,c,s] * z[p,s,c]

Implementations (see :func:`dksan_mm.ops.set_backend`):

* No offsets and no mask: ``torch.nn.functional.conv2d``.
* CPU tensors: C++ (``csrc/``), compiled at first use. The depthwise form
  reads, multiplies and sums each tap's image row and scope row in registers,
  channels last, from a ring buffer of the image rows within reach of the
  offsets, without copying the whole image. The backward pass splits tall
  images into strips for several threads; contributions to rows of adjacent
  strips are added afterwards in a fixed order. With several input channels
  per filter, a band of columns ``z`` is computed in cache and multiplied with
  the weights. The backward pass recomputes the samples and columns; the
  columns of a whole image are never stored.
* CUDA tensors: Triton kernels (``triton/``), compared with pure torch at
  first use. The dense form computes its columns in registers and multiplies
  them on tensor cores.
* Other tensors, or without a compiler: pure torch in bands
  (``torch_path.py``).
* Inside ``torch.compile``: C++ as one operator, or one plain graph.
* Inside ``torch.onnx.export``: standard operators (``onnx_path.py``).
* Second derivatives (``create_graph=True``), forward mode and ``torch.func``:
  pure torch on the whole image, which needs several times the memory.

Time relative to a dense 3x3 ``conv2d`` in the same round, measured by
``tools/benchmark_ops.py`` on two cores of an AMD EPYC (Zen 5, AVX-512) with
128 channels, 64x64, float32, medians of 30 rounds:

========================================  =======  ================
operator                                  forward  forward+backward
========================================  =======  ================
depthwise DKC, S = 4, both offsets           0.51              0.71
dense DKC, S = 3, both offsets                2.4               2.6
``ModulatedDeformConv2d``, 8 groups           3.0               2.8
mmcv's ``ModulatedDeformConv2d``               22                68
torchvision's ``deform_conv2d``                22                53
========================================  =======  ================

From 32x32 to 512x512, a training step of the depthwise form needs 1.6 to
2.4 us per pixel. Its peak memory is 1.4 to 1.9 times that of input and output,
including its output and gradients but not the incoming gradient.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from . import backend, cpp, onnx_path, plain_form, torch_path
from .checks import Geometry, IntOrPair, check_arguments
from .precision import no_autocast
from .sampling import kernel_at_rest
from .triton import dense_path
from .triton import path as triton_path


def deform_kernel_conv2d(x: Tensor,
                         weight: Tensor,
                         image_offset: Tensor | None = None,
                         kernel_offset: Tensor | None = None,
                         mask: Tensor | None = None,
                         *,
                         kernel_size: IntOrPair = 3,
                         stride: IntOrPair = 1,
                         padding: IntOrPair = 1,
                         dilation: IntOrPair = 1) -> Tensor:
    """Convolve with deformable kernels at deformable sampling positions.

    There are K = ``kernel_size[0] * kernel_size[1]`` taps in row-major order;
    offsets are (dy, dx) per tap. Arithmetic is in float32 for half-precision
    input, else in the promoted dtype of ``x`` and ``weight``.

    Args:
        x (Tensor[n, c, h, w]): Input of any float dtype.
        weight (Tensor[c_out, c / groups, s, s]): Scope: depthwise
            ``(c, 1, s, s)``, dense ``(c_out, c, s, s)``. The second dimension
            determines the number of groups. At zero offset, tap (i, j) reads
            row ``i + (s - kernel_size[0]) / 2``.
        image_offset (Tensor[n, 2K, h_out, w_out], optional): Offsets of the
            samples in pixels of ``x``. None: zero.
        kernel_offset (Tensor[n, 2K, h_out, w_out], optional): Offsets of the
            taps' coordinates in the scope, in cells. None: zero.
        mask (Tensor[n, K, h_out, w_out], optional): Factor of each tap.
        kernel_size (int | tuple[int, int]): Rows and columns of taps.
        stride (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        padding (int | tuple[int, int]): As in ``torch.nn.Conv2d``.
        dilation (int | tuple[int, int]): As in ``torch.nn.Conv2d``.

    Returns:
        Tensor[n, c_out, h_out, w_out]: Output with the dtype of ``x``.

    Raises:
        TypeError: If an argument is not a float tensor.
        ValueError: If shapes, devices or numbers are inconsistent.
    """
    geometry = check_arguments(x, weight, image_offset, kernel_offset, mask,
                               kernel_size, stride, padding, dilation)
    dtype = torch.promote_types(x.dtype, weight.dtype)
    dtype = torch.promote_types(dtype, torch.float32)
    tensors = (x, weight.to(dtype), image_offset, kernel_offset, mask)
    with no_autocast(x.device.type):
        return _convolve(*tensors, geometry).to(x.dtype)


def _convolve(x: Tensor, weight: Tensor, image_offset: Tensor | None,
              kernel_offset: Tensor | None, mask: Tensor | None,
              geometry: Geometry) -> Tensor:
    """Run the implementation for these tensors."""
    if kernel_offset is None:
        weight = kernel_at_rest(weight, geometry)
    at_rest = image_offset is kernel_offset is mask is None
    form = 'depthwise' if weight.shape[1] == 1 else 'dense'
    exporting = backend.exporting_onnx()
    if not at_rest and not exporting and not plain_form.needs_plain() and \
            backend.use_triton(x, weight, form):
        # The kernels read every float dtype.
        run = triton_path.convolve if form == 'depthwise' else \
            dense_path.convolve
        return run(x, weight, image_offset, kernel_offset, mask, geometry)
    image_offset, kernel_offset, mask = (None if t is None else t.to(
        weight.dtype) for t in (image_offset, kernel_offset, mask))
    if not at_rest and not exporting and not plain_form.needs_plain() and \
            backend.use_cpp(x):
        # The operators read 16-bit images, and write them.
        half = x.dtype in cpp.HALVES and weight.dtype == torch.float32
        image = x if half else x.to(weight.dtype)
        return cpp.convolve(image, weight, image_offset, kernel_offset, mask,
                            geometry)
    x = x.to(weight.dtype)
    if at_rest:
        return F.conv2d(x, weight, None, geometry.stride, geometry.padding,
                        geometry.dilation, geometry.groups)
    run = onnx_path.convolve if exporting else torch_path.convolve
    return run(x, weight, image_offset, kernel_offset, mask, geometry)
