# Copyright (c) DKSAN-MM contributors.
"""The tutorials in docs/notebooks, run cell by cell."""
import json
import math
import re
import subprocess
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

FOLDER = Path(__file__).parents[1] / 'docs' / 'notebooks'


def run_cells(name, monkeypatch):
    """Run the code of a notebook; return its variables."""
    content = json.loads((FOLDER / f'{name}.ipynb').read_text('utf-8'))
    monkeypatch.chdir(FOLDER)
    monkeypatch.setattr(plt, 'show', lambda: None)
    matplotlib.use('Agg')
    namespace = dict(_shell=run_shell)
    for cell in content['cells']:
        assert cell.get('outputs', []) == []  # small files, clear changes
        if cell['cell_type'] == 'code':
            # IPython's "!command {variable}".
            code = re.sub('^!(.*)$', r'_shell(f"""\1""")',
                          ''.join(cell['source']), 0, re.M)
            exec(compile(code, name, 'exec'), namespace)
    return namespace


def run_shell(command):
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def no_figures_stay():
    yield
    plt.close('all')


@pytest.mark.slow
def test_looking_inside(monkeypatch, tmp_path):
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    found = run_cells('look_inside', monkeypatch)
    assert len(plt.get_fignums()) == 4
    assert found['report'].num_frames == 7
    for t, (dy, dx) in enumerate(found['found'].tolist()):
        # As the text says.
        step = t - 3
        error = math.hypot(dy + step / 2, dx + step)
        limit = 0.1 if abs(step) < 2 else math.hypot(step / 2, step) / 4
        assert error < limit


@pytest.mark.processes
def test_own_data(monkeypatch, tmp_path):
    monkeypatch.setattr('tempfile.mkdtemp', lambda: str(tmp_path))
    found = run_cells('own_data', monkeypatch)
    assert [line['step'] for line in found['steps']] == list(range(1, 11))
    table = (tmp_path / 'compared' / 'results.md').read_text()
    assert all(name in table for name in ('bicubic', 'released', 'mine'))
    assert (tmp_path / 'compared' / 'report.html').stat().st_size > 10_000
