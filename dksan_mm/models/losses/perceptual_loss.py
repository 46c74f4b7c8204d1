# Copyright (c) DKSAN-MM contributors.
"""Perceptual loss whose network needs no download."""
from typing import Any

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn

from dksan_mm.evaluation.functional.learned import load_stlpips


@MODELS.register_module()
class STLPIPSLoss(nn.Module):
    """Shift-tolerant perceptual distance (Ghildyal and Liu, 2022) as a loss.

    *Chosen here* instead of plain VGG features: the package
    ``stlpips_pytorch`` includes the weights, and feature differences are
    weighted by human judgements. It replaces mmagic's ``PerceptualLoss``,
    which downloads torchvision's VGG19, and returns the same tuple.

    The network is neither trained nor saved in checkpoints. It is loaded at
    the first call, so that tests do not need the package.

    Args:
        perceptual_weight (float): Weight of the loss.
        net (str): ``'vgg'`` or ``'alex'``. Train with one and evaluate with
            the other (:class:`~dksan_mm.evaluation.metrics.VideoSTLPIPS`).

    Raises:
        ValueError: If the network does not exist.
    """

    networks = ('vgg', 'alex')

    def __init__(self,
                 perceptual_weight: float = 1.,
                 *,
                 net: str = 'vgg') -> None:
        super().__init__()
        if net not in self.networks:
            raise ValueError(f'net must be one of {self.networks}, got '
                             f'{net!r}')
        self.perceptual_weight = perceptual_weight
        self.net = net
        # A list hides it from state dicts, buffers and weight averaging.
        self._loaded: list[nn.Module] = []

    def distance(self) -> nn.Module:
        """Return the network, which is loaded at the first call.

        Raises:
            UserError: If the package is not installed.
        """
        if not self._loaded:
            network: Any = load_stlpips(self.net).requires_grad_(False)
            # channels_last is a quarter faster in bfloat16.
            self._loaded.append(network.to(memory_format=torch.channels_last))
        return self._loaded[0]

    def forward(self, outputs: Tensor,
                target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compare frames.

        Args:
            outputs (Tensor[n, 3, h, w]): RGB, about [0, 1].
            target (Tensor[n, 3, h, w]): RGB in [0, 1].

        Returns:
            tuple: The weighted mean distance, and None instead of mmagic's
            style loss.

        Raises:
            UserError: If the package is not installed.
        """
        distance = self.distance().to(outputs.device)
        out = distance(outputs * 2 - 1, target * 2 - 1)
        return self.perceptual_weight * out.mean(), None
