# Copyright (c) DKSAN-MM contributors.
"""Metrics of how alike frames look to the eye, by learned features."""
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pickle import UnpicklingError
from types import ModuleType

import numpy as np
import torch
from mmagic.registry import METRICS
from torch import nn
from torch.utils.data import DataLoader

from dksan_mm.utils.errors import UserError
from .video_metric import VideoMetric

LPIPS_NETWORKS = ('alex', 'vgg', 'squeeze')


@METRICS.register_module()
class VideoLPIPS(VideoMetric):
    """Learned perceptual distance (Zhang et al., 2018) per video.

    By the authors' package ``lpips``, version 0.1 of the weights, RGB scaled
    to [-1, 1]. Lower is better. The package is optional (``pip install
    lpips``); it lets torchvision download the weights of its network.

    Args:
        border (int): As in :class:`VideoMetric`.
        net (str): ``'alex'`` (what papers report), ``'vgg'`` or
            ``'squeeze'``.
        **kwargs: As in :class:`VideoMetric`, but for ``channels``.

    Raises:
        ValueError: If there is no such network.
    """

    metric = 'LPIPS'
    networks = LPIPS_NETWORKS

    def __init__(self,
                 border: int = 0,
                 *,
                 net: str = 'alex',
                 **kwargs) -> None:
        super().__init__('RGB', border, **kwargs)
        if net not in self.networks:
            raise ValueError(f'net must be one of {self.networks}, got '
                             f'{net!r}')
        self.net = net
        self.distance: Callable | None = None

    @staticmethod
    def load(net: str) -> nn.Module:
        """Load a network; see :func:`load_lpips`."""
        return load_lpips(net)

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Load the network before the first frame, to where the model is.

        Raises:
            UserError: If the package or the weights are not there.
        """
        super().prepare(module, dataloader)
        parameter = next(module.parameters(), torch.empty(0))
        self.distance = self.load(self.net).to(parameter.device)

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """LPIPS of one frame.

        Args:
            truth (ndarray[uint8, h, w, 3]): RGB.
            prediction (ndarray[uint8, h, w, 3]): RGB.

        Raises:
            UserError: If the package or the weights are not there.
        """
        if self.distance is None:
            self.distance = self.load(self.net)
        weight = next(self.distance.parameters(), torch.empty(0))
        pair = torch.from_numpy(np.stack([truth, prediction]))
        pair = pair.to(weight.device).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            return float(self.distance(pair[:1], pair[1:]))


@METRICS.register_module()
class VideoSTLPIPS(VideoLPIPS):
    """Shift-tolerant perceptual distance (Ghildyal and Liu, 2022) per video.

    By the authors' package ``stlpips_pytorch``, which holds its weights, RGB
    scaled to [-1, 1]. Lower is better. Unlike LPIPS it hardly minds a shift by
    a pixel, which nobody sees. The package is optional.

    Args:
        border (int): As in :class:`VideoMetric`.
        net (str): ``'alex'`` or ``'vgg'``.
        **kwargs: As in :class:`VideoMetric`, but for ``channels``.

    Raises:
        ValueError: If there is no such network.
    """

    metric = 'STLPIPS'
    networks = ('alex', 'vgg')

    @staticmethod
    def load(net: str) -> nn.Module:
        """Load a network; see :func:`load_stlpips`."""
        return load_stlpips(net)


def load_lpips(net: str) -> nn.Module:
    """The network of the package ``lpips``, ready to compare frames.

    Args:
        net (str): ``'alex'``, ``'vgg'`` or ``'squeeze'``.

    Raises:
        UserError: If the package is not installed, or its weights are not
            there and cannot be downloaded.
    """
    try:
        import lpips
    except ImportError as error:
        raise UserError('VideoLPIPS needs the package lpips, which cannot be '
                        f'imported ({error}): pip install lpips==0.1.4, or '
                        'leave the metric out') from error
    try:
        return lpips.LPIPS(net=net, verbose=False).eval()
    # No network, or a damaged file.
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        folder = f'{torch.hub.get_dir()}/checkpoints'
        raise UserError(
            f"VideoLPIPS has no weights of torchvision's network for {net!r} "
            f'({error}): put the file that torchvision names into {folder}, '
            'or leave the metric out') from error


def load_stlpips(net: str) -> nn.Module:
    """The network of the package ``stlpips_pytorch``.

    Args:
        net (str): ``'alex'`` or ``'vgg'``.

    Raises:
        UserError: If the package is not installed.
    """
    try:
        with _without_debuggers():
            from stlpips_pytorch.stlpips import LPIPS
    except ImportError as error:
        raise UserError(
            'VideoSTLPIPS needs the package stlpips_pytorch, which cannot be '
            f'imported ({error}): pip install stlpips_pytorch, or leave the '
            'metric out') from error
    return LPIPS(net=net, variant='shift_tolerant', verbose=False).eval()


@contextmanager
def _without_debuggers() -> Iterator[None]:
    """Stand in for what the package imports, uses nowhere and does not list.
    """
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
