# Copyright (c) DKSAN-MM contributors.
"""Self-check of the kernels before their first use."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from .. import torch_path
from ..checks import Geometry
from ..precision import no_autocast
from . import dense_path, path

# Rounding error of float32 sums, relative to the largest value. Half precision
# adds TF32 products and rounding to its own dtype.
TOLERANCE = 1e-4

PATHS = dict(depthwise=path, dense=dense_path)

known: dict[tuple[torch.dtype, torch.device, str], bool] = {}


def passes(dtype: torch.dtype, device: torch.device, form: str) -> bool:
    """Return whether the kernels compute the same as pure torch.

    A small forward and backward pass runs once per process, dtype and device.
    It takes some milliseconds, plus some seconds of compilation at first use.
    During the capture of a CUDA graph, no comparison is possible: the result
    is False unless it is already known.

    Args:
        dtype (torch.dtype): Data type of the images.
        device (torch.device): Device to check.
        form (str): ``'depthwise'`` or ``'dense'``.

    Returns:
        bool: Whether the results match; if not, a warning says why.
    """
    key = dtype, device, form
    if key not in known:
        if device.type == 'cuda' and torch.cuda.is_current_stream_capturing():
            return False
        known[key] = _compare(*key)
    return known[key]


def _compare(dtype: torch.dtype, device: torch.device, form: str) -> bool:
    """Compare with pure torch and warn of errors."""
    try:
        # The caller may be tracing or have disabled gradients.
        with _disable_current_modes(), torch.inference_mode(False), \
                torch.enable_grad(), no_autocast(device.type):
            error = largest_error(dtype, device, form)
    except Exception as raised:  # compilers and drivers raise any kind
        reason = f'{type(raised).__name__}: {raised}'
    else:
        if error <= tolerance(dtype):  # False for NaN
            return True
        reason = f'the error is {error:.1e}'
    warnings.warn(
        f'the Triton kernels of the {form} form do not work for {dtype} on '
        f'{device} ({reason}); pure torch is used instead')
    return False


def tolerance(dtype: torch.dtype) -> float:
    """Return the maximum error that passes, given the images' dtype."""
    half = 0 if dtype == torch.float32 else 2 * torch.finfo(dtype).eps
    return TOLERANCE + half


def largest_error(dtype: torch.dtype, device: torch.device,
                  form: str) -> float:
    """Compute the largest relative error against pure torch in float64.

    Args:
        dtype (torch.dtype): Data type of the images.
        device (torch.device): Device to check.
        form (str): ``'depthwise'`` or ``'dense'``.

    Returns:
        float: Maximum over the tensors of largest difference / largest value.
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
    """Compute the output and the gradients."""
    leaves = [t.detach().requires_grad_() for t in tensors]
    out = convolve(*leaves, geometry)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad_out)]


def _drawn(dtype: torch.dtype, device: torch.device,
           form: str) -> tuple[list[Tensor], Tensor, Geometry]:
    """Draw all arguments: 16 channels, 5x4 pixels, scope of 4x4."""
    generator = torch.Generator().manual_seed(0)  # keeps the global state

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    x, grad_out = draw(1, 16, 5, 4).to(dtype), draw(1, 16, 5, 4).to(dtype)
    # Not at grid lines, where derivatives are discontinuous.
    offsets = [draw(1, 18, 5, 4).round() + shift for shift in (0.3, 0.2)]
    width = 1 if form == 'depthwise' else 16
    tensors = [x, draw(16, width, 4, 4), *offsets, draw(1, 9, 5, 4)]
    geometry = Geometry((3, 3), (1, 1), (1, 1), (1, 1), 16 // width, (1, 5, 4))
    return tensors, grad_out, geometry
