# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest

from dksan_mm.comparison.paper import find_paper

VID3OC = {f'{number:03d}': 120 for number in range(50, 66)}
INTVID = {f'{number:03d}': 14 + number for number in range(50, 60)}


@pytest.mark.parametrize('available, name, frames, columns', [
    (VID3OC, 'Vid3oC validation', 120, 3),
    (INTVID, 'IntVID', 14, 6),
])
def test_the_papers_data_sets_are_known(available, name, frames, columns):
    paper = find_paper(available)
    assert (paper['name'], paper['frames']) == (name, frames)
    assert len(paper['columns']) == columns
    for column in paper['columns']:
        assert len(column['psnr']) == len(available)


@pytest.mark.parametrize('available', [
    {},
    {
        name: 60
        for name in VID3OC
    },
    {
        name: 120
        for name in INTVID
    },
    dict(VID3OC, more=120),
])
def test_other_data_sets_are_not(available):
    assert find_paper(available) is None


def test_printed_averages_are_those_of_the_columns():
    """They agree to the last digit, except one that the paper has lower."""
    off = {}
    for available in (VID3OC, INTVID):
        for column in find_paper(available)['columns']:
            error = np.mean(column['psnr']) - column['average']
            if abs(error) > .0051:
                off[column['title']] = round(error, 3)
    assert off == {'w/o DKSA': .02}
