# Copyright (c) DKSAN-MM contributors.
"""Networks and the model around them; importing registers them in mmagic."""

from dksan_mm.utils.versions import check_openmmlab

check_openmmlab()

from mmagic.registry import MODELS

from dksan_mm.ops import DeformKernelConv2d
from .batch_parts import PartsDataParallel
from .bicubic import BicubicNet
from .dksan import DKSA, DKCAlign, DKSANNet, LightDKSA
from .edvr_net import EDVRX16Net
from .layers import RCAB, UpscaleX2
from .real_esrgan import RealESRGANNet
from .window_vsr import WindowVSR

# The layer itself stays free of mmagic, hence no decorator there.
MODELS.register_module(module=DeformKernelConv2d)

__all__ = [
    'BicubicNet', 'DKCAlign', 'DKSA', 'DKSANNet', 'DeformKernelConv2d',
    'EDVRX16Net', 'LightDKSA', 'PartsDataParallel', 'RCAB', 'RealESRGANNet',
    'UpscaleX2', 'WindowVSR'
]
