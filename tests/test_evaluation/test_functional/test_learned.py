# Copyright (c) DKSAN-MM contributors.
import sys

import pytest

from dksan_mm.evaluation.functional.learned import (load_cvvdp, load_lpips,
                                                    load_stlpips)
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('load, package', [
    (load_lpips, 'lpips'),
    (load_stlpips, 'stlpips_pytorch'),
    (load_cvvdp, 'cvvdp'),
])
def test_a_missing_package_is_named(load, package, monkeypatch):
    module = dict(cvvdp='pycvvdp').get(package, package)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f'needs the package {package}, '):
        load('alex')
