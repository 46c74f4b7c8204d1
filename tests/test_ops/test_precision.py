# Copyright (c) DKSAN-MM contributors.
"""Arithmetic in the dtype of the tensors."""
import torch

from dksan_mm.ops.precision import no_autocast


def test_autocast_is_off_inside_and_on_again_after():
    x = torch.ones(2, 2)
    with torch.autocast('cpu', torch.bfloat16):
        with no_autocast('cpu'):
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == torch.bfloat16


def test_the_meta_device_knows_no_autocast():
    x = torch.ones(2, 2, device='meta')
    with no_autocast('meta'):
        assert (x @ x).is_meta
