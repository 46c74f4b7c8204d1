# Copyright (c) DKSAN-MM contributors.
"""The operator in pure torch without bands: its use and its values."""
import pytest
import torch
from helpers.op_cases import NAMES, Case
from torch.testing import assert_close

from dksan_mm.ops import plain_form, torch_path
from dksan_mm.ops.checks import check_arguments
from dksan_mm.ops.sampling import per_pixel


def test_the_plain_form_is_for_transforms_alone():
    assert not plain_form.needs_plain()
    seen = []
    torch.func.grad(lambda x: seen.append(plain_form.needs_plain()) or x)(
        torch.tensor(1.))
    assert seen == [True]
    assert not plain_form.in_legacy_vmap(torch.ones(2))


def test_it_is_what_the_bands_are():
    case = Case(c_in=4, c_out=6, groups=2, size=(4, 5))
    inputs = case.inputs()
    geometry = check_arguments(**inputs, **case.settings)
    x, weight, *others = (inputs[name] for name in NAMES)
    rows = plain_form.plain(x, weight, *map(per_pixel, others, (2, 2, 1)),
                            geometry)
    bands = torch_path.convolve(x, weight, *others, geometry)
    assert_close(rows, bands.permute(0, 2, 3, 1).flatten(0, 2))


def test_tracing_is_refused():
    plain_form.refuse_tracing()
    with pytest.raises(RuntimeError, match='keep the size of the traced'):
        torch.jit.trace(lambda x: plain_form.refuse_tracing() or x,
                        torch.ones(2))
