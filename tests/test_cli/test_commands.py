# Copyright (c) DKSAN-MM contributors.
"""The command ``dksan-mm``."""
import re
import sys

import pytest

import dksan_mm
from dksan_mm.cli import commands


@pytest.fixture
def ran(monkeypatch):
    """Return the programs that would have run, with their arguments."""
    seen = []
    monkeypatch.setattr(commands, '_run', lambda path: seen.append(
        (path, sys.argv)))
    monkeypatch.setattr(sys, 'argv', [])
    return seen


@pytest.mark.parametrize('name', commands.TOOLS)
def test_a_command_runs_its_tool(name, ran):
    assert commands.main([name, 'a', '--b']) == 0
    [(path, argv)] = ran
    assert path.parts[-2:] == ('tools', f'{commands.TOOLS[name]}.py')
    assert "if __name__ == '__main__'" in path.read_text(encoding='utf-8')
    assert argv == [f'dksan-mm {name}', 'a', '--b']


@pytest.mark.parametrize('arguments, said', [
    ([], 'no command given; choose from upscale, '),
    (['enhance'], "unknown command 'enhance'; choose from upscale, "),
])
def test_other_commands_are_named(arguments, said, ran, capsys):
    assert commands.main(arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith(f'dksan-mm: {said}') and text.count('\n') == 1
    assert not ran


@pytest.mark.parametrize('name, missing, said', [
    ('train', {'mmagic'}, r"mmagic, .* is not .*'dksan_mm\[mmagic\]'"),
    ('prepare', {'cv2', 'PIL'}, r"cv2, PIL, .* are not .*\[images\]'"),
    ('export', {'onnx'}, r"onnx, .* is not .*'dksan_mm\[onnx\]'"),
    ('export', {'torch'}, r'torch, .* is not .*pip install torch'),
])
def test_a_command_whose_packages_are_missing_says_so(name, missing, said, ran,
                                                      capsys, monkeypatch):
    find = commands.importlib.util.find_spec
    monkeypatch.setattr(commands.importlib.util, 'find_spec', lambda one: None
                        if one in missing else find(one))
    assert commands.main([name]) == 2
    assert not ran
    assert re.search(f'{name} needs {said}', capsys.readouterr().err)
    if missing != {'torch'}:
        assert commands.main(['upscale']) == 0


def test_a_program_is_python_s_main(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, '__main__', sys.modules['__main__'])
    path = tmp_path / 'program.py'
    path.write_text('import sys\n'
                    'def one(): pass\n'
                    'assert one is sys.modules["__main__"].one\n'
                    'print(__name__, __file__)')
    commands._run(path)
    assert capsys.readouterr().out == f'__main__ {path}\n'


def test_help_and_version(ran, capsys):
    assert commands.main(['--help']) == commands.main(['--version']) == 0
    out = capsys.readouterr().out
    assert all(f'dksan-mm {name} ' in out for name in commands.TOOLS)
    assert out.splitlines()[-1] == dksan_mm.__version__
    assert not ran
