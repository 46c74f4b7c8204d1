# Copyright (c) DKSAN-MM contributors.
"""Kernels compiled for absent GPUs."""
import re
from pathlib import Path

import pytest
from helpers.compiled_kernels import compiled_kernels

# Imports triton.
targets = pytest.importorskip('dksan_mm.ops.triton.targets')
DOCUMENT = Path(__file__).parents[3] / 'docs' / 'gpu.md'


@pytest.fixture(scope='module')
def kernels():
    return compiled_kernels()['kernels']


def names(kernels):
    return [(k['title'], k['target'], k['constants']) for k in kernels]


@pytest.mark.parametrize('registers, shared, capability, occupancy', [
    (62, 0, 90, 0.5),
    (65, 0, 90, 0.375),
    (32, 0, 90, 1),
    (32, 0, 86, 1),
    (32, 100 * 1024, 90, 0.25),
    (255, 0, 86, 1 / 6),
])
def test_occupancy(registers, shared, capability, occupancy):
    compiled = targets.Compiled(registers, 0, shared, 8, {})
    assert compiled.occupancy(capability) == pytest.approx(occupancy)


@pytest.mark.slow
def test_all_compile_and_nothing_spills(kernels):
    assert {k['target'] for k in kernels} == {*targets.STATED, *targets.RARE}
    spilled = [k for k in kernels if k['stack']]
    assert not spilled, names(spilled)


@pytest.mark.slow
def test_occupancy_is_a_quarter_at_least(kernels):
    low = [k for k in kernels if k['occupancy'] and k['occupancy'] < 0.25]
    assert not low, names(low)


@pytest.mark.slow
def test_maps_are_read_in_vectors(kernels):
    for kernel in kernels:
        # Offsets and masks are read number by number; AMD's compiler moves
        # such loads about. The dense kernels' chunks of 16 channels are
        # spread over many threads.
        if kernel['target'] == 'gfx942' or 'dense' in kernel['kernel']:
            continue
        single = sum(count for bits, count in kernel['loads'].items()
                     if int(bits) <= 32)
        vectors = sum(count for bits, count in kernel['loads'].items()
                      if int(bits) >= 64)
        assert vectors >= 5 and single <= 8, kernel


@pytest.mark.slow
@pytest.mark.parametrize('name', ['resources', 'roofline'])
def test_the_document_has_these_tables(name):
    written = re.search(rf'<!-- {name} -->\n(.*?)<!-- end -->',
                        DOCUMENT.read_text(), re.DOTALL)[1]
    assert written == compiled_kernels()[name]
