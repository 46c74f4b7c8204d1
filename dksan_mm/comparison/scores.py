# Copyright (c) DKSAN-MM contributors.
"""The metrics that can be asked for, and how their values are read."""
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from dksan_mm.utils.errors import UserError

# Name on the command line -> config. They are the test_evaluator of
# configs/_base_/datasets/vid3oc_x16.py, so tools/test.py gives the same.
METRICS: dict[str, dict] = dict(
    psnr=dict(type='VideoPSNR'),
    ssim=dict(type='VideoSSIM'),
    temporal=dict(type='VideoTemporalError'),
    niqe=dict(type='VideoNIQE', every=10),
    lpips=dict(type='VideoLPIPS'))
# LPIPS needs weights that it downloads.
DEFAULT = ('psnr', 'ssim', 'temporal', 'niqe')


class Kind(NamedTuple):
    """Name, unit and direction of a metric's value.

    Attributes:
        better (str): 'higher' or 'lower'.
        digits (int): Decimals in tables.
        unit (str): '' for a plain number.
    """
    better: str
    digits: int
    unit: str = ''


_KINDS = dict(
    PSNR=Kind('higher', 2, 'dB'),
    SSIM=Kind('higher', 4),
    TE=Kind('lower', 3, 'temporal error, 8-bit levels'),
    NIQE=Kind('lower', 3),
    LPIPS=Kind('lower', 4))


def kind_of(value: str) -> Kind:
    """Return how to read a value of a name, such as ``'PSNR_Y'``."""
    return _KINDS[value.removesuffix('_Y')]


def check_metrics(names: Sequence[str]) -> None:
    """Refuse a metric whose package is not there, before anything runs.

    Raises:
        UserError: If LPIPS is asked for and not installed.
    """
    if 'lpips' in names and find_spec('lpips') is None:
        raise UserError('--metrics lpips needs the package lpips: pip install '
                        'lpips==0.1.4, or leave the metric out')
