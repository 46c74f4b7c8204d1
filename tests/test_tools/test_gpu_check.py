# Copyright (c) DKSAN-MM contributors.
"""tools/gpu_check.py, as far as it goes without a GPU."""
import pytest
from helpers.tool_runs import load_tool

from dksan_mm.cli import launch

pytest.importorskip('triton')


@pytest.fixture(scope='module')
def tool():
    return load_tool('gpu_check')


def test_tables_are_put_between_their_marks(tool, tmp_path, monkeypatch):
    from dksan_mm.ops.triton import targets
    monkeypatch.setattr(targets, 'resources', lambda forms: '| new |\n')
    file = tmp_path / 'page.md'
    file.write_text('a\n<!-- resources -->\n| old |\n<!-- end -->\n'
                    'b\n<!-- roofline -->\n<!-- end -->\nc\n')
    assert launch.run_tool(tool.main, ['--tables', str(file)]) == 0
    text = file.read_text()
    assert text.startswith('a\n<!-- resources -->\n| new |\n<!-- end -->\nb\n')
    assert '| depthwise forward' in text.partition('b\n')[2]
    assert text.endswith('|\n<!-- end -->\nc\n')


def test_no_such_file_is_one_sentence(tool, tmp_path, capsys):
    missing = tmp_path / 'missing.md'
    assert launch.run_tool(tool.main, ['--tables', str(missing)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
