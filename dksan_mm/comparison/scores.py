# Copyright (c) DKSAN-MM contributors.
"""The metrics that can be asked for, and how their values are read."""
from typing import Dict, NamedTuple

# Name on the command line -> class in mmagic's registry. The classes and
# their settings are those of the configs, so tools/test.py gives the same.
METRICS: Dict[str, str] = dict(psnr='VideoPSNR', ssim='VideoSSIM')
DEFAULT = ('psnr', 'ssim')


class Kind(NamedTuple):
    """How a value is read.

    Attributes:
        better (str): 'higher' or 'lower'.
        digits (int): Decimals in tables.
        unit (str): '' for a plain number.
    """
    better: str
    digits: int
    unit: str = ''


_KINDS = dict(PSNR=Kind('higher', 2, 'dB'), SSIM=Kind('higher', 4))


def kind_of(value: str) -> Kind:
    """How a value is read, from its name, such as ``'PSNR_Y'``."""
    return _KINDS.get(value.removesuffix('_Y'), Kind('higher', 4))
