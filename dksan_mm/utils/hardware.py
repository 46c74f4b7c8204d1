# Copyright (c) DKSAN-MM contributors.
"""Capabilities of a processor."""
import platform

import torch


def has_fast_bfloat16(device_type: str) -> bool:
    """Return whether a device multiplies in bfloat16.

    On other CPUs oneDNN emulates it: a training step of dksan-s then takes
    eight times as long as in float32 (measured on a CPU with AVX2).

    Args:
        device_type (str): Device type, such as ``'cpu'`` or ``'cuda'``.
    """
    if device_type == 'cuda':
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device_type != 'cpu':
        return False
    if platform.machine().lower() in ('x86_64', 'amd64'):
        # torch's own check below is also true if it can only emulate.
        return bool(torch.cpu._is_avx512_bf16_supported()
                    or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
