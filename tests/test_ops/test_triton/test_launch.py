# Copyright (c) DKSAN-MM contributors.
"""Launches as data."""
import pytest
import torch

from dksan_mm.ops.triton import dense_path, launch
from dksan_mm.ops.triton import path as depthwise_path


def test_keywords_are_those_of_the_compiler():
    call = launch.Launch('kernels', 'k', (1, ), (),
                         dict(PRECISION='tf32x3', TAPS=9), 8, 64)
    assert call.keywords('cuda') == dict(
        PRECISION='tf32x3', TAPS=9, num_warps=8, num_stages=1, maxnreg=64)
    assert call.keywords('hip') == dict(
        PRECISION='ieee', TAPS=9, num_warps=8, num_stages=1)


@pytest.mark.parametrize('number, power', [(1, 1), (2, 2), (3, 4), (128, 128)])
def test_power_of_2(number, power):
    assert launch.power_of_2(number) == power


def test_wide_indices_where_32_bits_do_not_do():
    small = torch.empty(2**30, device='meta')
    assert not launch.is_wide(small, None)
    assert launch.is_wide(small, torch.empty(2**31, device='meta'))


def test_one_memory_format_for_all_by_pixel():
    first = torch.randn(2, 3, 4, 5)
    last = first.to(memory_format=torch.channels_last)
    tensors, is_last = launch.by_pixel(last, None, last)
    assert is_last and tensors[0] is last and tensors[1] is None
    tensors, is_last = launch.by_pixel(first, None, last)
    assert not is_last and tensors[2].is_contiguous()
    assert torch.equal(tensors[2], first)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('path, weight', [
    (depthwise_path, (32, 16)),
    (dense_path, (32, 32, 16)),
])
def test_nothing_is_read_back_from_the_gpu(path, weight, dtype, monkeypatch):
    """Meta tensors have no numbers; CUDA graphs need this, too."""
    started = []
    monkeypatch.setattr(launch.Launch, 'run',
                        lambda self: started.append(self))
    x = torch.empty(2, 32, 8, 9, device='meta', dtype=dtype)
    weight = torch.empty(weight, device='meta')
    offsets = [torch.empty(2, n, 8, 9, device='meta') for n in (18, 18, 9)]
    tensors = [x, weight, *offsets]
    settings = [3, 3, 1, 1, 1, 1, 1, 1, 8, 9, 4, 0, 1, 1]
    settings = settings[:11] if path is depthwise_path else settings
    out = path.forward._init_fn(*tensors, settings)
    assert out.shape == x.shape and out.dtype == dtype
    grads = path.backward._init_fn(out, *tensors, settings, [True] * 5)
    assert [(g.shape, g.dtype) for g in grads] == [(t.shape, t.dtype)
                                                   for t in tensors]
    assert len(started) == (2 if path is depthwise_path else 3)
