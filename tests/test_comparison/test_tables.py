# Copyright (c) DKSAN-MM contributors.
import csv
import io

import pytest
from helpers.comparison_data import VIDEOS, make_results, model_results

from dksan_mm.comparison.paper import find_paper
from dksan_mm.comparison.tables import (AVERAGE, format_cost, make_tables,
                                        to_csv, to_markdown)

ONE, TWO = VIDEOS


@pytest.fixture
def results():
    """Return results with a tie as printed, then b ahead, in PSNR.

    NIQE, where lower is better, is undefined for the second video of b.
    """
    return make_results({
        'a':
        model_results({
            ONE: (20.001, 5.),
            TWO: (30., 4.)
        }),
        'b':
        model_results({
            ONE: (20.004, 6.),
            TWO: (31., )
        }),
        'failed':
        dict(config='c.py', checkpoint=None, error='no | memory'),
    })


def test_the_best_as_printed_is_marked(results):
    psnr, niqe = make_tables(results)
    a, b = psnr.columns
    assert (a.best, b.best) == ({ONE}, {ONE, TWO, AVERAGE})
    a, b = niqe.columns
    # Where one value stands alone nothing is best.
    assert (a.best, b.best) == ({ONE, AVERAGE}, set())


def test_one_model_alone_is_never_best():
    results = make_results({'a': model_results({ONE: (1, 1), TWO: (1, 1)})})
    assert not any(t.columns[0].best for t in make_tables(results))


def test_markdown_is_the_papers_form(results):
    lines = to_markdown(results).splitlines()
    start = lines.index('## PSNR (dB, higher is better)')
    assert lines[start + 2:start + 12] == [
        '| video | a | b |',
        '|---|--:|--:|',
        '| &lt;b>x&lt;/b> | **20.00** | **20.00** |',
        '| "\\|\\_\\` | 30.00 | **31.00** |',
        '| **average** | 25.00 | **25.50** |',
        '| parameters | 1.235 M | 1.235 M |',
        '| multiply-adds | 39.4 G | 39.4 G |',
        '| seconds per frame | 1.12 s | 1.12 s |',
        '| peak memory | 300 MiB | 300 MiB |',
        '',
    ]
    assert any('failed failed: no | memory' in line for line in lines)


def test_csv_has_full_precision(results):
    rows = list(csv.DictReader(io.StringIO(to_csv(results))))
    values = {(r['metric'], r['video']): (r['a'], r['b']) for r in rows}
    assert values['PSNR', ONE] == ('20.001', '20.004')
    assert values['NIQE', TWO] == ('4.0', '')
    assert values['NIQE', AVERAGE] == ('4.5', '6.0')
    assert values['parameters', ''] == ('1234567', '1234567')


def test_nothing_at_all_can_be_written():
    results = make_results({'a': dict(config='a', checkpoint=None, error='e')})
    results.update(metrics={})
    results['data']['videos'] = {}
    assert to_csv(results) == ''
    assert 'a failed: e' in to_markdown(results)


@pytest.mark.parametrize('name, value, text', [
    ('parameters', 0, '0'),
    ('parameters', 29_512_268, '29.51 M'),
    ('multiply-adds', 2_289_600_000_000, '2,289.6 G'),
    ('seconds per frame', .01234, '0.0123 s'),
    ('peak memory', 1 << 31, '2,048 MiB'),
    ('parameters', None, ''),
])
def test_costs_are_readable(name, value, text):
    assert format_cost(name, value) == text


def test_the_papers_numbers_stand_beside_ours():
    names = [f'{number:03d}' for number in range(50, 66)]
    model = model_results({name: (20., 5.) for name in names})
    results = make_results({'a': model})
    results['data']['videos'] = {n: dict(frames=['0'] * 12) for n in names}
    results['paper'] = find_paper(dict.fromkeys(names, 120))
    text = to_markdown(results)
    assert ('| video | a | bicubic (paper) | EDVR (paper) | DKSAN (paper) |'
            in text)
    assert '| 050 | 20.00 | 25.36 | 26.75 | 29.17 |' in text
    assert '| **average** | 20.00 | 21.22 | 21.67 | 22.81 |' in text
    assert '| parameters | 1.235 M |  | 20.6 M | 29.5 M |' in text
    assert '120 frames of each video, not 12' in text
    assert to_csv(results).splitlines()[0] == \
        'metric,video,a,bicubic (paper),EDVR (paper),DKSAN (paper)'
