# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel convolution. This package needs torch alone.

Only ``ModulatedDeformConv2d``, which is mmcv's, needs mmcv; it is imported
when asked for.
"""

from .backend import get_backend, set_backend
from .deform_kernel import deform_kernel_conv2d
from .deform_kernel_layer import DeformKernelConv2d

__all__ = [
    'DeformKernelConv2d', 'ModulatedDeformConv2d', 'deform_kernel_conv2d',
    'get_backend', 'set_backend'
]


def __getattr__(name: str) -> type:
    if name == 'ModulatedDeformConv2d':
        from .modulated_deform_conv import ModulatedDeformConv2d
        return ModulatedDeformConv2d
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
