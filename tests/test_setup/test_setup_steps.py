# Copyright (c) DKSAN-MM contributors.
"""The set-up knows what is done, and does what is not."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import setup_compiler
import setup_packages
import setup_steps
from setup_process import NetworkError, SetupError

ROOT = Path(__file__).parents[2]

TARGET = setup_compiler.Target('2.11.0', [])


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Lay out a copy of the project with a complete environment."""
    for name in setup_steps.INPUTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.delenv('MMCV_CUDA', raising=False)
    monkeypatch.setattr(setup_steps, 'ROOT', tmp_path)
    for name in ('VENV', 'PYTHON', 'STAMP', 'INSTALLING', 'LOG'):
        place = getattr(setup_steps, name).relative_to(ROOT)
        monkeypatch.setattr(setup_steps, name, tmp_path / place)
    setup_steps.PYTHON.parent.mkdir(parents=True)
    setup_steps.PYTHON.symlink_to(sys.executable)
    for name, version in setup_steps.pins().items():
        _site(name.replace('-', '_') + f'-{version}.dist-info').mkdir()
    _site('dksan_mm-0.1.0.dist-info').mkdir()
    _site('mmcv').mkdir()
    _site('mmcv/_ext.cpython-311-x86_64-linux-gnu.so').touch()
    setup_steps.write_stamp(TARGET)
    return tmp_path


def _site(name):
    place = setup_steps.VENV / 'lib' / 'python3.11' / 'site-packages'
    place.mkdir(parents=True, exist_ok=True)
    return place / name


def test_a_complete_environment_is_current(project, capsys):
    assert setup_steps.is_current()
    assert setup_steps.main() == 0
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('name', setup_steps.INPUTS)
def test_a_changed_input_is_noticed(name, project):
    with open(project / name, 'a') as file:
        file.write('\n')
    assert not setup_steps.is_current()


def _other_numpy():
    _site('numpy-1.26.4.dist-info').rename(_site('numpy-2.1.3.dist-info'))


def _second_numpy():
    _site('numpy-2.1.3.dist-info').mkdir()


@pytest.mark.parametrize('spoil', [
    lambda: setup_steps.STAMP.unlink(),
    lambda: setup_steps.STAMP.write_text('{"digest'),
    lambda: setup_steps.INSTALLING.touch(),
    lambda: setup_steps.PYTHON.unlink(),
    lambda: _site('mmcv/_ext.cpython-311-x86_64-linux-gnu.so').unlink(),
    lambda: _site('dksan_mm-0.1.0.dist-info').rmdir(),
    _other_numpy,
    _second_numpy,
])
def test_a_spoilt_environment_is_noticed(spoil, project):
    spoil()
    assert not setup_steps.is_current()


def test_a_moved_project_is_noticed(project):
    stamp = json.loads(setup_steps.STAMP.read_text())
    setup_steps.STAMP.write_text(json.dumps(dict(stamp, path='/elsewhere')))
    assert not setup_steps.is_current()


@pytest.mark.parametrize('wish, current', [('', True), ('0', True),
                                           ('1', False)])
def test_another_wish_for_cuda_is_noticed(wish, current, project, monkeypatch):
    monkeypatch.setenv('MMCV_CUDA', wish)
    assert setup_steps.is_current() == current


def test_no_stamp_while_a_package_is_missing(project):
    _site('torch-2.11.0.dist-info').rmdir()
    with pytest.raises(SetupError, match='torch'):
        setup_steps.write_stamp(TARGET)


@pytest.mark.parametrize('error, code, words', [
    (SetupError('It cannot be: do this.'), 1, 'It cannot be: do this.'),
    (PermissionError(13, 'Permission denied',
                     '.venv'), 1, 'Permission denied'),
    (KeyboardInterrupt(), 130, '`make setup` goes on from here'),
])
def test_a_failed_step_is_one_sentence_and_an_exit_code(
        error, code, words, project, monkeypatch, capsys):
    setup_steps.STAMP.unlink()

    def fail(torch):
        raise error

    monkeypatch.setattr(setup_steps, 'check_room', fail)
    assert setup_steps.main() == code
    said = capsys.readouterr().err.strip()
    assert said.startswith('Set-up: ') and words in said
    assert '\n' not in said


class _Installer:
    """Fails as it is told to."""

    def __init__(self, error=None):
        self.error = error
        self.installed = []

    def prepare(self, version):
        pass

    def install(self, arguments, doing):
        assert setup_steps.INSTALLING.exists()
        if self.error:
            raise self.error
        self.installed += arguments


def test_packages_are_installed_as_pinned_and_mmcv_is_not(project):
    installer = _Installer()
    setup_steps.install_packages(installer)
    assert 'torch==2.11.0' in installer.installed
    assert not any(word.startswith('mmcv') for word in installer.installed)
    assert not setup_steps.INSTALLING.exists()


@pytest.mark.parametrize('error, spoilt', [(KeyboardInterrupt(), True),
                                           (SetupError('x'), True),
                                           (NetworkError('x'), False)])
def test_a_cut_off_installation_leaves_its_mark(error, spoilt, project):
    with pytest.raises(type(error)):
        setup_steps.install_packages(_Installer(error))
    assert setup_steps.INSTALLING.exists() == spoilt


@pytest.mark.parametrize('name', ['whole', 'cut off', 'incomplete'])
def test_only_a_whole_environment_is_kept(name, project, monkeypatch):
    made = []
    monkeypatch.setattr(setup_packages, 'make', lambda *a: made.append(a))
    if name != 'incomplete':
        _site('pip-24.0.dist-info').mkdir()
        _site('pip-24.0.dist-info/RECORD').touch()
    if name == 'cut off':
        setup_steps.INSTALLING.touch()
    setup_steps.ensure_venv()
    assert bool(made) == (name != 'whole')


def test_the_constraints_hold_every_pin():
    text = (ROOT / 'constraints.txt').read_text()
    held = dict(re.findall(r'^([\w-]+)==([^\s;]+)', text, re.M))
    for name, version in setup_steps.pins().items():
        if name != 'mmcv':
            assert held[name] == version


def test_every_pin_has_a_reason():
    for line in (ROOT / 'requirements.txt').read_text().splitlines():
        assert line.startswith('#') or re.fullmatch(
            r'[\w-]+==[\d.]+  # \S.{4,}', line), line
