# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel convolution, which needs only torch.

``ModulatedDeformConv2d`` becomes a subclass of mmcv's once mmcv is imported.
"""

from .backend import get_backend, set_backend
from .deform_kernel import deform_kernel_conv2d
from .deform_kernel_layer import DeformKernelConv2d
from .modulated_deform_conv import ModulatedDeformConv2d

__all__ = [
    'DeformKernelConv2d', 'ModulatedDeformConv2d', 'deform_kernel_conv2d',
    'get_backend', 'set_backend'
]
