# Copyright (c) DKSAN-MM contributors.
"""Optional packages that measure perceptual differences."""
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pickle import UnpicklingError
from types import ModuleType

import torch
from torch import nn

from dksan_mm.utils.errors import UserError


def load_lpips(net: str) -> nn.Module:
    """Load the network of the package ``lpips``.

    Args:
        net (str): ``'alex'``, ``'vgg'`` or ``'squeeze'``.

    Raises:
        UserError: If the package is not installed, or its weights are missing
            and cannot be downloaded.
    """
    try:
        import lpips
    except ImportError as error:
        raise UserError('VideoLPIPS needs the package lpips, which cannot be '
                        f'imported ({error}): pip install lpips==0.1.4, or '
                        'leave the metric out') from error
    try:
        return lpips.LPIPS(net=net, verbose=False).eval()
    # No connection, or a damaged file.
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        folder = f'{torch.hub.get_dir()}/checkpoints'
        raise UserError(
            f"VideoLPIPS has no weights of torchvision's network for {net!r} "
            f'({error}): put the file that torchvision names into {folder}, '
            'or leave the metric out') from error


def load_stlpips(net: str) -> nn.Module:
    """Load the network of the package ``stlpips_pytorch``.

    Args:
        net (str): ``'alex'`` or ``'vgg'``.

    Raises:
        UserError: If the package is not installed.
    """
    try:
        with _stubbed_debuggers():
            from stlpips_pytorch.stlpips import LPIPS
    except ImportError as error:
        raise UserError(
            'ST-LPIPS needs the package stlpips_pytorch, which cannot be '
            f'imported ({error}): pip install --no-deps stlpips_pytorch, or '
            'leave the metric or loss out') from error
    return LPIPS(net=net, variant='shift_tolerant', verbose=False).eval()


def load_cvvdp(display: str):
    """Load the metric of the package ``cvvdp``.

    Args:
        display (str): Name of a display in the package.

    Raises:
        UserError: If the package is not installed.
        ValueError: If the display is unknown.
    """
    try:
        import pycvvdp
        from pycvvdp.vq_metric import vq_exception
    except ImportError as error:
        raise UserError(
            'VideoCVVDP needs the package cvvdp, which cannot be imported '
            f'({error}): pip install cvvdp==0.5.7, or leave the metric '
            'out') from error
    try:
        return pycvvdp.cvvdp(
            display_name=display, device=torch.device('cpu'), quiet=True)
    except vq_exception as error:
        raise ValueError(f'cvvdp has no display {display!r}: '
                         f'{error}') from error


@contextmanager
def _stubbed_debuggers() -> Iterator[None]:
    """Stub debugging packages that stlpips_pytorch imports but never uses."""
    stand_ins = []
    for name, member in (('IPython', 'embed'), ('torchsummary', 'summary')):
        if name not in sys.modules and find_spec(name) is None:
            sys.modules[name] = ModuleType(name)
            setattr(sys.modules[name], member, None)
            stand_ins.append(name)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]
