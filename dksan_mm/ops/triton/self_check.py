# Copyright (c) DKSAN-MM contributors.
"""A look at the kernels before they are trusted with work."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from .. import torch_path
from ..checks import Geometry
from ..precision import no_autocast
from . import dense_path, path

# Rounding of float32 sums, by the largest number; half precision is rounded
# once more, to its own type, after products of TF32.
TOLERANCE = 1e-4

PATHS = dict(depthwise=path, dense=dense_path)

known: dict[tuple[torch.dtype, torch.device, str], bool] = {}


def passes(dtype: torch.dtype, device: torch.device, form: str) -> bool:
    """Return whether the kernels compute what pure torch computes.

    A small forward and backward, once a process, type and device: some
    milliseconds, and at the very first use some seconds of compilation.
    While a CUDA graph is captured nothing can be compared, and the answer is
    no unless it is known.

    Args:
        dtype (torch.dtype): Of the images.
        device (torch.device): Where.
        form (str): ``'depthwise'`` or ``'dense'``.

    Returns:
        bool: Whether they do; if not, a warning said why.
    """
    key = dtype, device, form
    if key not in known:
        if device.type == 'cuda' and torch.cuda.is_current_stream_capturing():
            return False
        known[key] = _compare(*key)
    return known[key]


def _compare(dtype: torch.dtype, device: torch.device, form: str) -> bool:
    """Compare, and say what is wrong."""
    try:
        # Whoever asks may be tracing, or want no gradients.
        with _disable_current_modes(), torch.inference_mode(False), \
                torch.enable_grad(), no_autocast(device.type):
            error = largest_error(dtype, device, form)
    except Exception as raised:  # whatever a compiler or driver thinks of
        reason = f'{type(raised).__name__}: {raised}'
    else:
        if error <= tolerance(dtype):  # not if it is NaN
            return True
        reason = f'they are {error:.1e} off'
    warnings.warn(
        f'the Triton kernels of the {form} form do not work for {dtype} on '
        f'{device} ({reason}); pure torch is used instead')
    return False


def tolerance(dtype: torch.dtype) -> float:
    """Largest error that passes, by the type of the images."""
    half = 0 if dtype == torch.float32 else 2 * torch.finfo(dtype).eps
    return TOLERANCE + half


def largest_error(dtype: torch.dtype, device: torch.device,
                  form: str) -> float:
    """Largest difference from pure torch in float64, over the largest number.

    Args:
        dtype (torch.dtype): Of the images.
        device (torch.device): Where.
        form (str): ``'depthwise'`` or ``'dense'``.

    Returns:
        float: For each tensor the maximum; the maximum of these.
    """
    tensors, grad_out, geometry = _drawn(dtype, device, form)
    found = _results(PATHS[form].convolve, tensors, grad_out, geometry)
    expected = _results(torch_path.convolve, [t.double() for t in tensors],
                        grad_out.double(), geometry)
    return max(((a.double() - b).abs().max() /
                b.abs().max()).item() if a.isfinite().all() else float('inf')
               for a, b in zip(found, expected))


def _results(convolve: Callable[..., Tensor], tensors: list[Tensor],
             grad_out: Tensor, geometry: Geometry) -> list[Tensor]:
    """Output and gradients."""
    leaves = [t.detach().requires_grad_() for t in tensors]
    out = convolve(*leaves, geometry)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad_out)]


def _drawn(dtype: torch.dtype, device: torch.device,
           form: str) -> tuple[list[Tensor], Tensor, Geometry]:
    """Arguments of every kind: 16 channels, 5x4 pixels, scope of 4x4."""
    generator = torch.Generator().manual_seed(0)  # not the program's

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    x, grad_out = draw(1, 16, 5, 4).to(dtype), draw(1, 16, 5, 4).to(dtype)
    # Off the grid lines, where slopes jump.
    offsets = [draw(1, 18, 5, 4).round() + shift for shift in (0.3, 0.2)]
    width = 1 if form == 'depthwise' else 16
    tensors = [x, draw(16, width, 4, 4), *offsets, draw(1, 9, 5, 4)]
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), 16 // width, (1, 5, 4))
    return tensors, grad_out, geometry
