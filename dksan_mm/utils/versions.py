# Copyright (c) DKSAN-MM contributors.
"""Say in one sentence what is wrong with the installed packages.

Nothing is imported to find out: wrong versions fail while they are imported,
some seconds later and far from the cause. Versions are compared by hand, since
``packaging`` is not there where torch alone is, which ``dksan_mm.ops`` needs.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

#: Set to 1, this variable turns the checks off.
SKIP_VARIABLE = 'DKSAN_MM_ANY_VERSION'


class Requirement(NamedTuple):
    """The versions of a package that are supported.

    Attributes:
        package (str): Its name on PyPI, and of its module.
        lowest (str): The first supported version.
        below (str): The first one that will not any more.
        reason (str): Why others will not do.
    """

    package: str
    lowest: str
    below: str
    reason: str


TORCH = Requirement('torch', '2.0', '3', 'older ones were never tried')
# In the order in which a user would fix them.
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
    """Check for a usable torch, all that ``dksan_mm.ops`` needs.

    Args:
        optional (bool): Whether it may be missing, as for the runner of
            exported networks.

    Raises:
        ImportError: With one sentence that says what to do.
    """
    if not optional or _found(TORCH) is not None:
        _raise_first(_complaint(TORCH))


def check_openmmlab() -> None:
    """Check all that mmagic's models, data sets and tools need.

    Modules that import mmagic call this first.

    Raises:
        ImportError: With one sentence that says what to do.
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
        return f'dksan_mm needs {wanted}, and it is not installed'
    # A package built by hand may lack a version; let it try.
    if not found:
        return None
    if _numbers(need.lowest) <= _numbers(found) < _numbers(need.below):
        return None
    return (f'dksan_mm needs {wanted} ({need.reason}), and {found} is '
            'installed')


def _found(need: Requirement) -> str | None:
    """Return the installed version, '' if it tells none; None: nothing."""
    try:
        return version(need.package)
    except PackageNotFoundError:
        return None if find_spec(need.package) is None else ''


def _numbers(text: str) -> tuple[int, ...]:
    """Turn ``2.11.0+cu130`` into ``(2, 11, 0)``."""
    release = re.match(r'\d+(\.\d+)*', text)
    return tuple(map(int, release.group().split('.'))) if release else ()


def _operators_complaint() -> str | None:
    """Look for mmcv's compiled file, which its 'lite' build lacks."""
    spec = find_spec('mmcv')
    places = (spec.submodule_search_locations if spec else None) or []
    if any(any(Path(place).glob('_ext.*')) for place in places):
        return None
    return 'dksan_mm needs mmcv\'s compiled operators, and this mmcv has none'
