# Copyright (c) DKSAN-MM contributors.
"""Networks, which need only torch, and models that mmagic trains.

All of them are registered in mmagic as soon as mmagic is imported. Only
``WindowVSR``, ``WindowGAN`` and ``PartsDataParallel`` import mmagic, and only
on demand.
"""
from importlib import import_module

from dksan_mm.ops import DeformKernelConv2d
from dksan_mm.utils.registration import register, register_module
from dksan_mm.utils.versions import check_openmmlab
from .bicubic import BicubicNet
from .dksan import DKSA, DKCAlign, DKSANNet, LightDKSA
from .edvr_net import EDVRX16Net
from .layers import RCAB, UpscaleX2
from .real_esrgan import RealESRGANNet

__all__ = [
    'BicubicNet', 'DKCAlign', 'DKSA', 'DKSANNet', 'DeformKernelConv2d',
    'EDVRX16Net', 'LightDKSA', 'PartsDataParallel', 'RCAB', 'RealESRGANNet',
    'UpscaleX2', 'WindowGAN', 'WindowVSR'
]

# Networks that upscale windows of frames.
NETWORKS = ('BicubicNet', 'DKSANNet', 'EDVRX16Net', 'RealESRGANNet')
# Subclasses of mmengine's and mmagic's classes, and their modules.
_OF_MMAGIC = dict(
    PartsDataParallel='batch_parts',
    WindowGAN='window_gan',
    WindowVSR='window_vsr')

# Not a decorator there: the layer's module imports no registry.
register('MODELS')(DeformKernelConv2d)


def __getattr__(name: str) -> type:
    if name in _OF_MMAGIC:
        check_openmmlab()
        return getattr(import_module(f'{__name__}.{_OF_MMAGIC[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


# mmagic's registries import these modules before they look up a name.
for _registry, _module in (('MODELS', 'window_gan'), ('MODEL_WRAPPERS',
                                                      'batch_parts')):
    register_module(_registry, f'{__name__}.{_module}')
