# Copyright (c) DKSAN-MM contributors.
"""Cost of the C++ operators, as ``torch.utils.flop_counter`` counts.

Two FLOPs are one multiply-add. Per tap, channel and output pixel, a bilinear
sample is 4 multiply-adds, as is reading the kernel between its cells.
"""
import functools
import math

import torch

from . import cpp

Shape = tuple[int, ...]


@functools.lru_cache(maxsize=None)
def register_formulas() -> bool:
    """Let torch's ``FlopCounterMode`` count the C++ operators.

    Returns:
        bool: Whether the operators are there; if not, a warning said why.
    """
    if not cpp.load():
        return False
    from torch.utils.flop_counter import register_flop_formula  # slow
    register_flop_formula([
        getattr(torch.ops.dksan_mm, f'{form}_forward') for form in cpp.FORMS
    ])(
        _forward_flops)
    return True


def _forward_flops(x_shape: Shape, weight_shape: Shape,
                   image_offset_shape: Shape | None,
                   kernel_offset_shape: Shape | None, mask_shape: Shape | None,
                   settings: list[int], *, out_shape: Shape,
                   **_: object) -> int:
    """Count one call; see ``cpp.py`` for the arguments."""
    taps, channels = settings[0] * settings[1], x_shape[1]
    weights = math.prod(weight_shape)
    count = 0 if image_offset_shape is None else 4 * taps * channels
    if kernel_offset_shape is None:
        count += weights
    elif len(weight_shape) == 2:  # depthwise: each tap's weight is read alone
        count += 5 * taps * channels
    else:
        count += 4 * taps * channels + weights
    return 2 * count * out_shape[0] * out_shape[2] * out_shape[3]
