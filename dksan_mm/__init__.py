# Copyright (c) DKSAN-MM contributors.
"""Video extreme super-resolution (x16) with DKSAN, on mmagic.

``load_model``, ``restore_frames`` and ``restore_video`` upscale videos. They
need torch, numpy and PyAV, and are imported at their first use.
``dksan_mm.inference.onnx`` runs exported networks without torch.
"""

from typing import Any

from dksan_mm.utils.environment import name_user
from dksan_mm.utils.versions import check_torch

__version__ = '0.2.0'
__all__ = ['load_model', 'restore_frames', 'restore_video']

name_user()  # before torch asks for it
check_torch(optional=True)


def __getattr__(name: str) -> Any:
    if name in __all__:
        check_torch()
        from dksan_mm import apis
        return getattr(apis, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
