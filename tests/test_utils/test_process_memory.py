# Copyright (c) DKSAN-MM contributors.
import mmap
import subprocess
import sys

from dksan_mm.utils.process_memory import (forget_peak, peak_resident_memory,
                                           resident_memory)

# Bytes, far above what an allocator keeps for itself.
LARGE = 64 << 20
# The kernel counts pages in batches.
BATCHES = 1 << 20


def test_what_was_freed_is_in_the_peak_until_it_is_forgotten():
    assert forget_peak()
    before = resident_memory()
    # From the system itself: an allocator may give what others have freed.
    with mmap.mmap(-1, LARGE) as memory:
        for _ in range(LARGE >> 20):
            memory.write(b'x' * (1 << 20))
        assert resident_memory() - before >= LARGE - BATCHES
    assert resident_memory() - before < LARGE / 2
    assert peak_resident_memory() - before >= LARGE - BATCHES
    assert forget_peak()
    assert peak_resident_memory() - before < LARGE / 2


def test_its_import_brings_nothing_heavy():
    code = ('import sys, dksan_mm; before = set(sys.modules); '
            'import dksan_mm.utils.process_memory; '
            'print(*sorted(set(sys.modules) - before))')
    out = subprocess.run([sys.executable, '-c', code],
                         capture_output=True,
                         text=True,
                         check=True)
    brought = set(out.stdout.split())
    assert brought <= {'dksan_mm.utils.process_memory', 'resource'}
