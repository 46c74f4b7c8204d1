# Copyright (c) DKSAN-MM contributors.
import sys

import pytest

from dksan_mm.evaluation.functional.learned import load_lpips, load_stlpips
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('load, package', [
    (load_lpips, 'lpips'),
    (load_stlpips, 'stlpips_pytorch'),
])
def test_a_missing_package_is_named(load, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f'needs the package {package}, '):
        load('alex')
