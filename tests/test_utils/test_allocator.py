# Copyright (c) DKSAN-MM contributors.
import os
import subprocess
import sys

import pytest

# Three blocks of 40 MB are written and freed, 20 times. glibc maps and unmaps
# blocks of more than 32 MB, whatever its thresholds have become.
CHURN = '''
import resource, sys
from dksan_mm.utils.allocator import keep_freed_memory
import torch

def churn(times):
    for _ in range(times):
        blocks = [torch.empty(10 << 20).fill_(1) for _ in range(3)]
        del blocks

changed = keep_freed_memory() if sys.argv[1] == 'keep' else False
torch.set_num_threads(1)
churn(3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
churn(20)
print(changed, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
'''


def churn(mode, **environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith('MALLOC_') and name != 'GLIBC_TUNABLES'
    }
    clean.pop('THP_MEM_ALLOC_ENABLE', None)
    out = subprocess.run([sys.executable, '-c', CHURN, mode],
                         env={
                             **clean,
                             **environment
                         },
                         capture_output=True,
                         text=True,
                         check=True).stdout.split()
    return out[0] == 'True', int(out[1])


def test_freed_memory_is_used_again():
    changed, faults = churn('keep')
    if not changed:
        pytest.skip('this C library has no mallopt')
    assert faults < churn('return')[1] / 3


@pytest.mark.parametrize('environment', [
    dict(MALLOC_TRIM_THRESHOLD_='131072'),
    dict(GLIBC_TUNABLES='glibc.malloc.trim_threshold=131072'),
])
def test_settings_of_the_user_have_priority(environment):
    changed, faults = churn('keep', **environment)
    assert not changed
    assert faults > 1000


def test_other_systems_are_left_alone(monkeypatch):
    from dksan_mm.utils.allocator import keep_freed_memory
    monkeypatch.setattr(sys, 'platform', 'darwin')
    assert keep_freed_memory() is False
