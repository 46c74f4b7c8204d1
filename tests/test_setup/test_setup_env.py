# Copyright (c) DKSAN-MM contributors.
"""The set-up's launcher finds a Python that will do, or says so."""

import ast
import os
import sys
from pathlib import Path

import pytest
import setup_env

ROOT = Path(__file__).parents[2]


@pytest.fixture
def old_python(monkeypatch, tmp_path):
    """Pretend to be Python 3.13 on a machine with no other; its PATH."""
    monkeypatch.setattr(sys, 'version_info', (3, 13, 0))
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'prefix'))
    monkeypatch.setattr(setup_env, 'VENV', str(tmp_path / '.venv'))
    monkeypatch.setenv('PATH', str(tmp_path))
    return tmp_path


@pytest.fixture
def executed(monkeypatch):
    """Record what is executed in the place of the test."""
    calls = []

    def execvp(program, arguments):
        calls.append(program)
        raise InterruptedError

    monkeypatch.setattr(os, 'execvp', execvp)
    return calls


def _fake_python(path, version):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {version}\n')
    path.chmod(0o755)


@pytest.mark.parametrize('version', [(3, 10, 0), (3, 11, 7), (3, 12, 1)])
def test_a_supported_python_goes_on(version, old_python, executed,
                                    monkeypatch):
    monkeypatch.setattr(sys, 'version_info', version)
    setup_env.use_supported_python()
    assert executed == []


def test_an_environment_does_not_rebuild_itself(executed, monkeypatch):
    monkeypatch.setattr(setup_env, 'VENV', sys.prefix)
    with pytest.raises(InterruptedError):
        setup_env.use_supported_python()
    assert executed == [os.path.realpath(sys.executable)]


def test_an_unsupported_python_says_what_to_do(old_python):
    with pytest.raises(SystemExit) as caught:
        setup_env.use_supported_python()
    assert 'This is Python 3.13' in caught.value.code
    assert 'make setup PYTHON=' in caught.value.code


@pytest.mark.parametrize('version', ['3.10', '3.11', '3.12'])
def test_a_supported_one_on_the_path_is_taken(version, old_python, executed,
                                              capsys):
    _fake_python(old_python / f'python{version}', version)
    with pytest.raises(InterruptedError):
        setup_env.use_supported_python()
    assert executed == [f'python{version}']
    assert f'taking python{version}' in capsys.readouterr().err


def test_a_launcher_that_does_not_launch_is_passed_over(old_python):
    _fake_python(old_python / 'python3.11', 'no such version installed')
    with pytest.raises(SystemExit):
        setup_env.use_supported_python()


@pytest.mark.parametrize('here', [(3, 13, 0), (3, 11, 0)])
def test_the_python_of_an_environment_that_is_there_is_kept(
        here, old_python, executed, monkeypatch):
    monkeypatch.setattr(sys, 'version_info', here)
    _fake_python(old_python / 'python3.10', '3.10')
    own = old_python / '.venv' / 'bin' / 'python'
    _fake_python(own, '3.12')
    with pytest.raises(InterruptedError):
        setup_env.use_supported_python()
    assert executed == [str(own)]


def test_an_environment_whose_python_is_gone_does_not_matter(
        old_python, executed, monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 11, 0))
    _fake_python(old_python / 'python3.12', '3.12')
    _fake_python(old_python / '.venv' / 'bin' / 'python', '')
    setup_env.use_supported_python()
    assert executed == []


def test_old_pythons_can_read_the_launcher():
    launcher = ROOT / 'tools' / 'setup' / 'setup_env.py'
    tree = ast.parse(launcher.read_text())
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign))
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
        if isinstance(node, ast.arg):
            assert node.annotation is None
