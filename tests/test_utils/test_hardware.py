# Copyright (c) DKSAN-MM contributors.
import platform

import pytest
import torch

from dksan_mm.utils.hardware import has_fast_bfloat16


@pytest.mark.parametrize('avx512, amx', [(False, False), (True, False),
                                         (False, True)])
def test_an_x86_that_emulates_bfloat16_is_told_apart(monkeypatch, avx512, amx):
    monkeypatch.setattr(platform, 'machine', lambda: 'AMD64')
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: avx512)
    monkeypatch.setattr(torch.cpu, '_is_amx_tile_supported', lambda: amx)
    assert has_fast_bfloat16('cpu') == (avx512 or amx)


def test_the_flags_agree_with_the_system_s():
    try:
        with open('/proc/cpuinfo') as file:
            flags = set(file.read().split())
    except OSError:
        pytest.skip('the system does not tell')
    if 'sse2' not in flags:
        pytest.skip('no x86')
    found = flags & {'avx512_bf16', 'amx_tile'}
    assert has_fast_bfloat16('cpu') == bool(found)


def test_a_gpu_answers_for_itself(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported',
                        lambda **options: asked.append(options) or True)
    assert has_fast_bfloat16('cuda')
    assert asked == [dict(including_emulation=False)]
    assert not has_fast_bfloat16('mps')
