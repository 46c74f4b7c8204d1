# Copyright (c) DKSAN-MM contributors.
"""Available metrics."""
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

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


def is_own(name: str) -> bool:
    """Return whether a metric is the user's, named ``'MODULE:CLASS'``."""
    return ':' in name


def config_of(name: str) -> dict:
    """Config of a metric; a module of the user's is imported.

    Args:
        name (str): A key of :data:`METRICS` or ``'MODULE:CLASS'``.

    Raises:
        UserError: If the module cannot be imported, or has no such metric.
    """
    if not is_own(name):
        return METRICS[name]
    from dksan_mm.evaluation.metrics import VideoMetric
    module, _, attribute = name.partition(':')
    try:
        kind = getattr(import_module(module), attribute, None)
    except Exception as error:  # whatever the user's code does
        raise UserError(f'--metrics {name}: {module} cannot be imported: '
                        f'{type(error).__name__}: {error}') from error
    if not isinstance(kind, type) or not issubclass(kind, VideoMetric):
        raise UserError(f'--metrics {name}: {module} has no subclass of '
                        f'VideoMetric with the name {attribute}')
    return dict(type=kind)


def check_metrics(names: Sequence[str]) -> None:
    """Check that the packages of the metrics are installed.

    Raises:
        UserError: If a name is neither a key of :data:`METRICS` nor
            ``'MODULE:CLASS'``, or a package or module is not installed.
    """
    for name in names:
        if name not in METRICS:
            _check_own(name)
    for name, (module, package) in PACKAGES.items():
        if name in names and find_spec(module) is None:
            raise UserError(f'--metrics {name} needs the package {package}: '
                            f'pip install {package}, or leave the metric out')


def _check_own(name: str) -> None:
    """Reject a metric that is neither known nor in a module that exists."""
    if not re.fullmatch(r'\w+(\.\w+)*:\w+', name):
        raise UserError(f'--metrics: there is no metric {name}; choose from '
                        f'{", ".join(METRICS)}, or name your own as '
                        'MODULE:CLASS')
    module = name.partition(':')[0]
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # a parent of it
        found = None
    if found is None:
        raise UserError(f'--metrics {name}: there is no module {module}; add '
                        'its folder to PYTHONPATH')
