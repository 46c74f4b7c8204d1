# Copyright (c) DKSAN-MM contributors.
"""A perceptual loss that needs no network of anybody's."""
from mmagic.registry import MODELS
from torch import nn


@MODELS.register_module()
class MeanDistance(nn.Module):
    """The mean absolute difference; it remembers what it has seen."""

    def forward(self, outputs, target):
        self.seen = outputs, target
        return (outputs - target).abs().mean(), None
