# Copyright (c) DKSAN-MM contributors.
"""Deformable kernel convolution. This package needs torch alone."""

from .deform_kernel import deform_kernel_conv2d
from .dkc import DeformKernelConv2d

__all__ = ['DeformKernelConv2d', 'deform_kernel_conv2d']
