# Copyright (c) DKSAN-MM contributors.
"""Checks of the installed packages; each problem is one sentence.

Nothing is imported for the checks: wrong versions fail during their import,
some seconds later and far from the cause. Versions are compared by hand, since
``dksan_mm.ops`` needs only torch, and ``packaging`` may be missing.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

#: Environment variable that disables the checks if it is 1.
SKIP_VARIABLE = 'DKSAN_MM_ANY_VERSION'


class Requirement(NamedTuple):
    """Supported versions of a package.

    Attributes:
        package (str): Name on PyPI and of the module.
        lowest (str): First supported version.
        below (str): First unsupported version after it.
        reason (str): Reason for these limits.
    """

    package: str
    lowest: str
    below: str
    reason: str


TORCH = Requirement('torch', '2.0', '3', 'older versions were not tested')
# In the order in which a user should fix them.
OPENMMLAB = (
    TORCH,
    Requirement('numpy', '1.22', '2', 'mmagic 1.2 uses names that 2 removed'),
    Requirement('mmengine', '0.10', '0.11',
                'resuming relies on how 0.10 stores checkpoints'),
    Requirement('mmcv', '2.1.0', '2.1.1', 'mmagic 1.2 refuses 2.2 and later'),
    Requirement('mmagic', '1.2.0', '1.2.1',
                'its interfaces differ by version'),
)
_CURE = ('run `make setup` in the project\'s folder, or install what its '
         'requirements.txt says')


def check_torch(*, optional: bool = False) -> None:
    """Check for a usable torch, which is all that ``dksan_mm.ops`` needs.

    Args:
        optional (bool): Whether torch may be missing, as for exported
            networks.

    Raises:
        ImportError: If torch is unusable; one sentence says what to do.
    """
    if not optional or _found(TORCH) is not None:
        _raise_first(_complaint(TORCH))


def check_openmmlab() -> None:
    """Check the packages that mmagic's models, data sets and tools need.

    Modules that import mmagic call this first.

    Raises:
        ImportError: If one is unusable; one sentence says what to do.
    """
    _raise_first(*map(_complaint, OPENMMLAB), _operators_complaint())


def _raise_first(*complaints: str | None) -> None:
    found = next(filter(None, complaints), None)
    if found and os.environ.get(SKIP_VARIABLE) != '1':
        raise ImportError(f'{found}: {_CURE}.')


def _complaint(need: Requirement) -> str | None:
    wanted = f'{need.package} >= {need.lowest}, < {need.below}'
    found = _found(need)
    if found is None:
        return f'dksan_mm needs {wanted}, which is not installed'
    # A package built by hand may lack a version; accept it.
    if not found:
        return None
    if _numbers(need.lowest) <= _numbers(found) < _numbers(need.below):
        return None
    return (f'dksan_mm needs {wanted} ({need.reason}), but {found} is '
            'installed')


def _found(need: Requirement) -> str | None:
    """Return the installed version, '' if unknown, None if not installed."""
    try:
        return version(need.package)
    except PackageNotFoundError:
        return None if find_spec(need.package) is None else ''


def _numbers(text: str) -> tuple[int, ...]:
    """Convert ``2.11.0+cu130`` to ``(2, 11, 0)``."""
    release = re.match(r'\d+(\.\d+)*', text)
    return tuple(map(int, release.group().split('.'))) if release else ()


def _operators_complaint() -> str | None:
    """Check for mmcv's compiled file, which its 'lite' build lacks."""
    spec = find_spec('mmcv')
    places = (spec.submodule_search_locations if spec else None) or []
    if any(any(Path(place).glob('_ext.*')) for place in places):
        return None
    return 'dksan_mm needs mmcv\'s compiled operators, but this mmcv has none'
