# Copyright (c) DKSAN-MM contributors.
"""Models that are fast enough to run on every frame of a test."""
import pytest
from helpers.exported import exported  # noqa: F401
from helpers.tiny_network import CONFIGS, tiny_checkpoint  # noqa: F401

from dksan_mm.apis import init_model


@pytest.fixture(scope='session')
def bicubic():
    return init_model(CONFIGS / 'bicubic_vid3oc_x16.py')
