# Copyright (c) DKSAN-MM contributors.
"""FLOPs of the C++ operators for ``torch.utils.flop_counter``.

One multiply-add counts as two FLOPs. Per tap, channel and output pixel, a
bilinear sample takes 4 multiply-adds, as does interpolating the scope.
"""
import functools
import math

import torch

from . import cpp

Shape = tuple[int, ...]


@functools.lru_cache(maxsize=None)
def register_formulas() -> bool:
    """Register the C++ operators with torch's ``FlopCounterMode``.

    Returns:
        bool: Whether the operators are available; if not, a warning says why.
    """
    if not cpp.load():
        return False
    from torch.utils.flop_counter import register_flop_formula  # slow import
    register_flop_formula([
        getattr(torch.ops.dksan_mm, f'{form}_forward') for form in cpp.FORMS
    ])(
        _forward_flops)
    return True


def _forward_flops(x_shape: Shape,
                   weight_shape: Shape,
                   image_offset_shape: Shape | None,
                   kernel_offset_shape: Shape | None,
                   mask_shape: Shape | None,
                   settings: list[int],
                   bias_shape: Shape | None = None,
                   *,
                   out_shape: Shape,
                   **_: object) -> int:
    """Count the FLOPs of one call; see ``cpp.py`` for the arguments.

    As for torch's convolutions, the bias is not counted.
    """
    taps, channels = settings[0] * settings[1], x_shape[1]
    weights = math.prod(weight_shape)
    count = 0 if image_offset_shape is None else 4 * taps * channels
    if kernel_offset_shape is None:
        count += weights
    elif len(weight_shape) == 2:  # depthwise: one weight is read per tap
        count += 5 * taps * channels
    else:
        count += 4 * taps * channels + weights
    return 2 * count * out_shape[0] * out_shape[2] * out_shape[3]
