# Copyright (c) DKSAN-MM contributors.
import os
from pathlib import Path

import pytest
from helpers import child_functions
from mmengine.config import Config

from dksan_mm.analysis import peak_memory as memory

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config():
    return Config.fromfile(
        ROOT / 'configs/bicubic_vid3oc_x16.py', import_custom_modules=False)


@pytest.mark.processes
def test_it_is_that_of_what_is_allocated(config):
    """Bicubic needs products of 4096 x 256 and 4096 x 4096, and weights."""
    used = memory.peak_memory(config, (256, 256))
    needed = 4 * 3 * (4096 * 256 + 4096 * 4096) + 4 * 7 * 3 * 256**2
    needed += (8 + 4 + 4) * 4096 * 256  # float64 once, float32 twice
    assert needed < used < 1.1 * needed


@pytest.mark.processes
def test_every_measurement_has_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr(memory, '_measure', child_functions.own_number)
    found = [memory.peak_memory('config', (4, 5), threads=2) for _ in range(2)]
    assert len({os.getpid(), *(number for number, _ in found)}) == 3
    assert found[0][1] == ('config', (4, 5), 2)


@pytest.mark.processes
def test_a_process_that_was_killed_is_no_traceback(monkeypatch):
    monkeypatch.setattr(memory, '_measure', child_functions.be_killed)
    with pytest.raises(MemoryError, match=r'\(4, 5\) was killed'):
        memory.peak_memory('config', (4, 5))


def test_the_output_is_part_of_it(config):
    """Measured in this process, where less memory may be new."""
    assert memory._measure(config, (128, 128), None) > 4 * 3 * 2048**2


@pytest.mark.parametrize('size', [(0, 4), (4, -1)])
def test_frames_without_pixels_are_refused(config, size):
    with pytest.raises(ValueError, match=f'{min(size)}'):
        memory._measure(config, size, None)
