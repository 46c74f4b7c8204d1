# Copyright (c) DKSAN-MM contributors.
"""Exit code of a tool, and what it says."""
import sys

import pytest

from dksan_mm.cli import running
from dksan_mm.utils.errors import UserError


def run(error, *argv):
    """Exit code of a tool that ends with an error, or without one."""

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
    (OSError('disk gone'), 2, 'disk gone'),
    (ValueError('where\n  what is wrong\n'), 2, 'what is wrong'),
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


@pytest.mark.parametrize('text, line', [('a', 'a'), ('a\n  b \n\n', 'b'),
                                        ('', 'ValueError')])
def test_the_last_line_of_an_error(text, line):
    assert running.last_line(ValueError(text)) == line


def test_tools_keep_freed_memory(monkeypatch):
    calls = []
    monkeypatch.setattr('dksan_mm.cli.running.keep_freed_memory',
                        lambda: calls.append('memory'))
    assert running.run_tool(lambda argv: calls.append('tool'), []) == 0
    assert calls == ['memory', 'tool']
