# Copyright (c) DKSAN-MM contributors.
"""The bicubic x2 of the evaluation equals torch's."""
import pytest
import torch
from torch.testing import assert_close

from dksan_mm.inference.bicubic_x2 import fast_upsample2
from dksan_mm.models.layers import upsample2

SIZES = [(1, 1), (1, 7), (5, 1), (2, 3), (33, 20)]


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('layout',
                         [torch.contiguous_format, torch.channels_last])
def test_it_is_torchs_filter(size, layout):
    frame = torch.randn(2, 3, *size, dtype=torch.float64)
    frame = frame.to(memory_format=layout)
    before = frame.clone()
    out = fast_upsample2(frame)
    assert_close(out, upsample2(frame), rtol=0, atol=1e-14)
    assert out.is_contiguous()
    assert torch.equal(frame, before)


def test_a_constant_frame_stays_constant():
    frame = torch.full((1, 3, 4, 5), 0.3)
    assert torch.equal(fast_upsample2(frame), torch.full((1, 3, 8, 10), 0.3))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_torchs_own(dtype):
    frame = torch.rand(1, 3, 6, 5).to(dtype)
    assert torch.equal(fast_upsample2(frame), upsample2(frame))
