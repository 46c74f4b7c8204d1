# Copyright (c) DKSAN-MM contributors.
"""Perceptual metrics based on learned features."""

import numpy as np
import torch
from mmagic.registry import METRICS
from torch import nn
from torch.utils.data import DataLoader

from dksan_mm.evaluation.functional.learned import load_lpips, load_stlpips
from .video_metric import VideoMetric

LPIPS_NETWORKS = ('alex', 'vgg', 'squeeze')


@METRICS.register_module()
class VideoLPIPS(VideoMetric):
    """Learned perceptual distance (Zhang et al., 2018) per video.

    Computed by the authors' package ``lpips`` with version 0.1 of the weights
    and RGB scaled to [-1, 1]. Lower is better. The package is optional (``pip
    install lpips``); torchvision downloads the weights of its network.

    Args:
        border (int): As in :class:`VideoMetric`.
        net (str): ``'alex'`` (common in papers), ``'vgg'`` or ``'squeeze'``.
        **kwargs: As in :class:`VideoMetric`, except ``channels``.

    Raises:
        ValueError: If the network does not exist.
    """

    metric = 'LPIPS'
    better = 'lower'
    networks: tuple[str, ...] = LPIPS_NETWORKS

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
        self.distance: nn.Module | None = None

    @staticmethod
    def load(net: str) -> nn.Module:
        """Load a network; see :func:`load_lpips`."""
        return load_lpips(net)

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Load the network on the model's device before the first frame.

        Raises:
            UserError: If the package or the weights are missing.
        """
        super().prepare(module, dataloader)
        parameter = next(module.parameters(), torch.empty(0))
        self.distance = self.load(self.net).to(parameter.device)

    def score(self, truth: np.ndarray, prediction: np.ndarray) -> float:
        """Compute the LPIPS of one frame.

        Args:
            truth (ndarray[uint8, h, w, 3]): RGB ground truth.
            prediction (ndarray[uint8, h, w, 3]): RGB prediction.

        Raises:
            UserError: If the package or the weights are missing.
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

    Computed by the authors' package ``stlpips_pytorch``, which includes the
    weights, with RGB scaled to [-1, 1]. Lower is better. Unlike LPIPS, it
    hardly changes with invisible one-pixel shifts. The package is optional.

    Args:
        border (int): As in :class:`VideoMetric`.
        net (str): ``'alex'`` or ``'vgg'``.
        **kwargs: As in :class:`VideoMetric`, except ``channels``.

    Raises:
        ValueError: If the network does not exist.
    """

    metric = 'STLPIPS'
    networks = ('alex', 'vgg')

    @staticmethod
    def load(net: str) -> nn.Module:
        """Load a network; see :func:`load_stlpips`."""
        return load_stlpips(net)
