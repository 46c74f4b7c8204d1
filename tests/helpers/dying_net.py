# Copyright (c) DKSAN-MM contributors.
"""Bicubic interpolation whose process is killed during the work."""
import os
import signal

from mmagic.registry import MODELS

from dksan_mm.models import BicubicNet


@MODELS.register_module()
class DyingNet(BicubicNet):
    """Network that dies at its fourth window while a file exists.

    Args:
        marker (str): The file.
    """

    def __init__(self, marker, **kwargs):
        super().__init__(**kwargs)
        self.marker, self.calls = marker, 0

    def forward(self, frames):
        self.calls += 1
        if self.calls == 4 and os.path.exists(self.marker):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(frames)
