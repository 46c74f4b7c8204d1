# Copyright (c) DKSAN-MM contributors.
"""Exit codes and messages of a tool."""
import errno
import runpy
import sys
from pathlib import Path

import pytest
import torch

from dksan_mm.cli import launch
from dksan_mm.utils import running
from dksan_mm.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(
    path.name for path in (ROOT / 'tools').glob('*.py')
    if 'run_tool(main' in path.read_text())


def run(error, *argv):
    """Return the exit code of a tool, with an error or without one."""

    def main(argv):
        if error is not None:
            raise error

    return running.run_tool(
        main, argv, when_interrupted='stopped, continue later')


@pytest.mark.parametrize('error, code, said', [
    (None, 0, ''),
    (UserError('no such thing'), 2, 'no such thing'),
    (KeyboardInterrupt(), 130, 'stopped, continue later'),
    (FileNotFoundError(2, 'No such file',
                       'a/b.png'), 2, 'a/b.png: No such file'),
    (OSError(errno.ENOSPC, 'No space left',
             'a/b.pth'), 1, 'a/b.pth: No space left'),
    (OSError('disk gone'), 2, 'disk gone'),
    (ValueError('where\n  what is wrong\n'), 2, 'what is wrong'),
    (ImportError('libtorch.so: failed to map'), 2,
     'a package cannot be loaded, because memory is short or the '
     'installation is incomplete: libtorch.so: failed to map'),
    (ImportError('libtorch.so: failed to map', name='_C'), 2,
     'a package cannot be loaded, because memory is short or the '
     'installation is incomplete: libtorch.so: failed to map'),
    (ModuleNotFoundError("No module named 'av'",
                         name='av'), 2, 'av cannot be loaded, '),
    (MemoryError('Unable to allocate 3 GiB'), 1,
     'not enough memory: Unable to allocate 3 GiB'),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory\nFrames: 1"), 1,
     "not enough memory: DefaultCPUAllocator: can't allocate memory"),
    (RuntimeError("can't start new thread"), 1,
     "not enough memory: can't start new thread"),
    (torch.OutOfMemoryError('CUDA out of memory. Tried'), 1,
     'not enough memory: CUDA out of memory. Tried'),
])
def test_exit_codes_and_sentences(monkeypatch, capsys, error, code, said):
    monkeypatch.setattr(sys, 'argv', ['tools/tool.py'])
    assert run(error) == code
    out, text = capsys.readouterr()
    assert out == '' and len(text.splitlines()) == (code > 0)
    assert text.startswith(f'tool.py: {said}' if code else '')


def test_other_errors_are_the_settings_fault_or_the_tools(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tool.py'])
    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError('one'))
    assert run(ZeroDivisionError('one'), '--cfg-options', 'a=0') == 2
    assert capsys.readouterr().err.startswith(
        'tool.py: with these --cfg-options: ZeroDivisionError: one')


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    """MKL would abort the process at the first computation."""
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    assert run(None) == 2
    assert 'the folder in which this command runs' in capsys.readouterr().err


@pytest.mark.parametrize('count, code', [('1024', 0), ('1025', 2), ('x', 0)])
def test_more_threads_than_can_be_started(count, code, monkeypatch, capsys):
    monkeypatch.setenv('OMP_NUM_THREADS', count)
    assert run(None) == code
    said = capsys.readouterr().err
    assert ('OMP_NUM_THREADS must be at most 1024, got 1025'
            in said) == bool(code)


@pytest.mark.parametrize('kind', [UserError, OSError])
@pytest.mark.parametrize('number, code', [(errno.ENOSPC, 1),
                                          (errno.EACCES, 2)])
def test_a_sentence_about_a_disk_is_no_wrong_input(capsys, kind, number, code):
    error = kind('the last checkpoint could not be written')
    error.__cause__ = OSError(number, 'reason')
    assert run(error) == code
    assert 'could not be written' in capsys.readouterr().err


@pytest.mark.parametrize('text, line', [('a', 'a'), ('a\n  b \n\n', 'b'),
                                        ('', 'ValueError')])
def test_the_last_line_of_an_error(text, line):
    assert running.last_line(ValueError(text)) == line


def test_tools_keep_freed_memory(monkeypatch):
    calls = []
    monkeypatch.setattr('dksan_mm.utils.running.keep_freed_memory',
                        lambda: calls.append('memory'))
    assert running.run_tool(lambda argv: calls.append('tool'), []) == 0
    assert calls == ['memory', 'tool']


@pytest.mark.parametrize('name', TOOLS)
def test_a_tool_s_exit_code_is_its_process_s(name, monkeypatch):
    for module in (running, launch):
        monkeypatch.setattr(module, 'run_tool', lambda *_, **__: 3)
    monkeypatch.setattr(sys, 'path', [*sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
    assert ended.value.code == 3
