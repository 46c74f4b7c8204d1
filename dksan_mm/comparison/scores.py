# Copyright (c) DKSAN-MM contributors.
"""Available metrics, and how to read their values."""
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from dksan_mm.utils.errors import UserError

# Config by name on the command line. They equal the test_evaluator of
# configs/_base_/datasets/vid3oc_x16.py, so that tools/test.py agrees.
METRICS: dict[str, dict] = dict(
    psnr=dict(type='VideoPSNR'),
    ssim=dict(type='VideoSSIM'),
    temporal=dict(type='VideoTemporalError'),
    niqe=dict(type='VideoNIQE', every=10),
    lpips=dict(type='VideoLPIPS'),
    stlpips=dict(type='VideoSTLPIPS'),
    cvvdp=dict(type='VideoCVVDP'))
# Module and package of each optional metric; LPIPS downloads its weights.
PACKAGES = dict(
    lpips=('lpips', 'lpips'),
    stlpips=('stlpips_pytorch', 'stlpips_pytorch'),
    cvvdp=('pycvvdp', 'cvvdp'))
DEFAULT = ('psnr', 'ssim', 'temporal', 'niqe')


class Kind(NamedTuple):
    """Unit and direction of a metric's value.

    Attributes:
        better (str): 'higher' or 'lower'.
        digits (int): Number of decimals in tables.
        unit (str): Unit; '' for a plain number.
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
    """Return the kind of a named value, such as ``'PSNR_Y'``."""
    return _KINDS[value.removesuffix('_Y')]


def check_metrics(names: Sequence[str]) -> None:
    """Check that the packages of the metrics are installed.

    Raises:
        UserError: If a package is missing.
    """
    for name, (module, package) in PACKAGES.items():
        if name in names and find_spec(module) is None:
            raise UserError(f'--metrics {name} needs the package {package}: '
                            f'pip install {package}, or leave the metric out')
