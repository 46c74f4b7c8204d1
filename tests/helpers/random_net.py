# Copyright (c) DKSAN-MM contributors.
"""A network that draws random numbers of every kind in each step."""
import random

import numpy as np
import torch.nn.functional as F
from mmagic.registry import MODELS

from dksan_mm.models import DKSANNet


@MODELS.register_module()
class RandomNet(DKSANNet):
    """DKSAN with dropout on its input and a random brightness."""

    def forward(self, frames):
        if self.training:
            gain = 1 + 0.1 * np.random.rand() + 0.1 * random.random()
            frames = F.dropout(frames * gain, 0.1)
        return super().forward(frames)
