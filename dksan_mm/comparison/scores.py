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
    lpips=dict(type='VideoLPIPS'),
    stlpips=dict(type='VideoSTLPIPS'),
    cvvdp=dict(type='VideoCVVDP'))
# What a metric that is an extra imports, and its package; LPIPS downloads its
# weights.
PACKAGES = dict(
    lpips=('lpips', 'lpips'),
    stlpips=('stlpips_pytorch', 'stlpips_pytorch'),
    cvvdp=('pycvvdp', 'cvvdp'))
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
    LPIPS=Kind('lower', 4),
    STLPIPS=Kind('lower', 4),
    CVVDP=Kind('higher', 2, 'JOD'))


def kind_of(value: str) -> Kind:
    """Return how to read a value of a name, such as ``'PSNR_Y'``."""
    return _KINDS[value.removesuffix('_Y')]


def check_metrics(names: Sequence[str]) -> None:
    """Refuse a metric whose package is not there, before anything runs.

    Raises:
        UserError: If the package of one that is asked for is not installed.
    """
    for name, (module, package) in PACKAGES.items():
        if name in names and find_spec(module) is None:
            raise UserError(f'--metrics {name} needs the package {package}: '
                            f'pip install {package}, or leave the metric out')
