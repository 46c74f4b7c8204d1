# Copyright (c) DKSAN-MM contributors.
"""A perceptual loss that needs no weights."""
from mmagic.registry import MODELS
from torch import nn


@MODELS.register_module()
class MeanDistance(nn.Module):
    """Mean absolute difference that records its arguments."""

    def forward(self, outputs, target):
        self.seen = outputs, target
        return (outputs - target).abs().mean(), None
