# Copyright (c) DKSAN-MM contributors.
"""The set-up finds a Python and does only what is not done yet."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setup_env
from setup_mmcv import Target
from setup_process import NetworkError, SetupError

ROOT = Path(__file__).parents[2]

LISTING = """\
:env:.index-url='https://env.example/simple'
global.index-url='https://global.example/simple'
global.extra-index-url='file:///one/simple file:///two/simple'
install.find-links='/wheels\\n/more'
"""


@pytest.fixture
def make(script, tmp_path):
    """Run `make setup` of a copy of the Makefile; only `/bin` is on PATH."""
    shutil.copy(ROOT / 'Makefile', tmp_path)

    def make(*arguments):
        env = dict(os.environ, PATH=f'{tmp_path / "bin"}:/bin')
        # The tests may be run by make themselves.
        for name in ('PYTHON', 'MAKEFLAGS', 'MAKELEVEL', 'MFLAGS'):
            env.pop(name, None)
        return subprocess.run(['make', 'setup', *arguments],
                              cwd=tmp_path,
                              env=env,
                              capture_output=True,
                              text=True)

    # None of this machine's own is found.
    for version in ('', '3.10', '3.11', '3.12'):
        script(f'bin/python{version or 3}', 'exit 1\n')
    return make


def _python(script, name):
    """Write a Python that seems supported and prints its name."""
    return script(name, f'test "$1" = -c || echo "{name} runs $1"\n')


def test_no_python_that_will_do_is_one_sentence(make):
    done = make()
    assert done.returncode == 2 and done.stdout == ''
    said = done.stderr.splitlines()[0]
    assert said.startswith('Set-up: the project needs Python 3.10')
    assert 'make setup PYTHON=' in said


@pytest.mark.parametrize('name', ['python3', 'python3.10', 'python3.12'])
def test_a_python_that_will_do_is_found(name, make, script):
    _python(script, f'bin/{name}')
    assert make().stdout == f'bin/{name} runs tools/setup/setup_env.py\n'


@pytest.mark.parametrize('version, accepted', [('3.9.1', False),
                                               ('3.10.0', True),
                                               ('3.12.9', True),
                                               ('3.13.0', False)])
def test_the_supported_versions_are_those_of_the_project(
        version, accepted, make, script):
    info = tuple(map(int, version.split('.')))
    script(
        'bin/python3', f'test "$1" = -c || exec echo it runs\nexec '
        f'{sys.executable} -c "import sys; sys.version_info = {info}; $2"\n')
    assert ('it runs' in make().stdout) == accepted


def test_a_python_that_is_named_is_the_only_one(make, script, tmp_path):
    _python(script, 'bin/python3')
    own = _python(script, 'my own/python')
    assert 'my own/python runs' in make(f'PYTHON={own}').stdout
    assert 'none as /no/python here' in make('PYTHON=/no/python').stderr


def test_an_environment_goes_on_with_its_python(make, script, tmp_path):
    _python(script, 'bin/python3')
    own = _python(script, '.venv/bin/python')
    assert '.venv/bin/python runs' in make('PYTHON=python3').stdout
    own.write_text('#!/bin/sh\nexit 1\n')
    assert 'bin/python3 runs' in make().stdout


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Make a copy of the project with a complete environment."""
    root = tmp_path / 'project'
    for name in setup_env.INPUTS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    monkeypatch.delenv('MMCV_CUDA', raising=False)
    monkeypatch.setenv('UV_CACHE_DIR', str(tmp_path / 'uv'))
    monkeypatch.setattr(setup_env, 'ROOT', root)
    for name in ('VENV', 'PYTHON', 'STAMP'):
        place = getattr(setup_env, name).relative_to(ROOT)
        monkeypatch.setattr(setup_env, name, root / place)
    monkeypatch.setattr(sys, 'prefix', str(setup_env.VENV))
    setup_env.PYTHON.parent.mkdir(parents=True)
    setup_env.PYTHON.symlink_to(sys.executable)
    for name, version in setup_env.pins().items():
        _site(name.replace('-', '_') + f'-{version}.dist-info').mkdir()
    _site('mmcv').mkdir()
    _site('mmcv/_ext.cpython-311-x86_64-linux-gnu.so').touch()
    setup_env.write_stamp(
        digest=setup_env.digest(),
        path=str(root),
        cuda='0',
        installed=setup_env.installed())
    return root


def _site(name):
    place = setup_env.VENV / 'lib' / 'python3.11' / 'site-packages'
    place.mkdir(parents=True, exist_ok=True)
    return place / name


def test_a_complete_environment_is_current(project, capsys):
    assert setup_env.is_current()
    assert setup_env.main() == 0
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('name', setup_env.INPUTS)
def test_a_changed_input_is_noticed(name, project):
    with open(project / name, 'a') as file:
        file.write('\n')
    assert not setup_env.is_current()


def test_every_file_of_the_set_up_is_an_input():
    folder = ROOT / 'tools' / 'setup'
    names = {str(path.relative_to(ROOT)) for path in folder.glob('*.*')}
    assert names <= set(setup_env.INPUTS)


@pytest.mark.parametrize('spoil', [
    lambda: setup_env.STAMP.unlink(),
    lambda: setup_env.STAMP.write_text('{"digest'),
    lambda: setup_env.PYTHON.unlink(),
    lambda: _site('mmcv/_ext.cpython-311-x86_64-linux-gnu.so').unlink(),
    lambda: _site('numpy-1.26.4.dist-info').rename(
        _site('numpy-2.1.3.dist-info')),
])
def test_a_spoilt_environment_is_noticed(spoil, project):
    spoil()
    assert not setup_env.is_current()


def test_a_moved_project_is_noticed(project):
    stamp = json.loads(setup_env.STAMP.read_text())
    setup_env.write_stamp(**dict(stamp, path='/elsewhere'))
    assert not setup_env.is_current()


@pytest.mark.parametrize('wish, current', [('', True), ('0', True),
                                           ('1', False)])
def test_another_wish_for_cuda_is_noticed(wish, current, project, monkeypatch):
    monkeypatch.setenv('MMCV_CUDA', wish)
    assert setup_env.is_current() == current


@pytest.mark.parametrize('error, code, words', [
    (SetupError('It cannot be: do this.'), 1, 'It cannot be: do this.'),
    (PermissionError(13, 'Permission denied',
                     '.venv'), 1, '\'.venv\'; fix that, then run'),
    (KeyboardInterrupt(), 130, '`make setup` continues from here'),
])
def test_a_failed_step_is_one_sentence_and_an_exit_code(
        error, code, words, project, monkeypatch, capsys):
    setup_env.STAMP.unlink()

    def fail():
        raise error

    monkeypatch.setattr(setup_env, 'set_up', fail)
    assert setup_env.main() == code
    said = capsys.readouterr().err.strip()
    assert said.startswith('Set-up: ') and words in said
    assert '\n' not in said


def test_too_little_disk_is_one_sentence(project, monkeypatch):
    monkeypatch.setattr(setup_env, 'VENV_DISK', 1e6)
    _site('torch').mkdir()
    setup_env.check_room('2.11.0')
    _site('torch').rmdir()
    with pytest.raises(SetupError, match=r'needs about 100000\d.0 GiB'):
        setup_env.check_room('2.11.0')


@pytest.fixture
def commands(monkeypatch, project):
    """Record the commands, which raise given errors."""

    class Commands(list):
        fails = {}

        def run(self, command, doing, **options):
            self.append([str(word) for word in command])
            assert setup_env.read_stamp() == {}
            for word, error in self.fails.items():
                if word in self[-1]:
                    raise error

    recorded = Commands()
    monkeypatch.setattr(setup_env, 'run', recorded.run)
    return recorded


def test_packages_are_installed_as_pinned_and_mmcv_is_not(commands):
    setup_env.install_packages()
    [command] = commands
    assert command[0].endswith('.venv/bin/uv')
    assert 'torch==2.11.0' in command
    assert not any(word.startswith('mmcv') for word in command)
    assert setup_env.is_current()


def test_pip_fetches_uv_first(commands):
    _site(f'uv-{setup_env.pins()["uv"]}.dist-info').rmdir()
    setup_env.install_packages()
    assert commands[0][-1] == f'uv=={setup_env.pins()["uv"]}'
    assert len(commands) == 2


@pytest.mark.parametrize('error, whole', [(KeyboardInterrupt(), False),
                                          (SetupError('x'), False),
                                          (NetworkError('x'), True)])
def test_a_cut_off_installation_leaves_its_mark(error, whole, commands):
    commands.fails = {'torch==2.11.0': error}
    with pytest.raises(type(error)):
        setup_env.install_packages()
    assert bool(setup_env.read_stamp()) == whole


@pytest.mark.parametrize('spoil, made', [
    (lambda _: None, False),
    (lambda _: setup_env.STAMP.unlink(), True),
    (lambda _: setup_env.write_stamp(path='/elsewhere'), True),
    (lambda patch: patch.setattr(sys, 'prefix', sys.base_prefix), True),
])
def test_only_a_whole_environment_is_kept(spoil, made, commands, monkeypatch):
    spoil(monkeypatch)
    setup_env.make_venv()
    assert any('venv' in command for command in commands) == made
    assert setup_env.read_stamp()['path'] == str(setup_env.ROOT)


def test_a_link_to_another_environment_is_left_alone(commands):
    moved = setup_env.VENV.rename(setup_env.ROOT / 'other')
    setup_env.VENV.symlink_to(moved)
    setup_env.write_stamp(path='/elsewhere')
    with pytest.raises(SetupError, match='is a link'):
        setup_env.make_venv()
    assert commands == []


@pytest.mark.parametrize('kept', [True, False])
def test_a_wheel_that_does_not_work_is_not_kept(kept, commands, monkeypatch):
    target, built = Target('2.11.0'), []
    target.folder().mkdir()
    wheel = target.folder() / 'mmcv-2.1.0-cp3.whl'
    troubles = ['undefined symbol', ''] if kept else ['undefined symbol']

    def build(python, target):
        built.append(target)
        wheel.touch()
        return wheel

    monkeypatch.setattr(setup_env.setup_mmcv, 'build', build)
    monkeypatch.setattr(setup_env.setup_mmcv, 'trouble',
                        lambda *_: troubles.pop(0))
    if kept:
        wheel.touch()
        setup_env.install_mmcv(target)
    else:
        with pytest.raises(SetupError, match='undefined symbol'):
            setup_env.install_mmcv(target)
    assert len(built) == (2 if kept else 1) and wheel.exists() == kept


def test_uv_is_told_pips_settings_in_pips_order(monkeypatch):
    for name in ('UV_DEFAULT_INDEX', 'UV_INDEX', 'UV_FIND_LINKS'):
        monkeypatch.delenv(name, raising=False)
    env = setup_env.uv_environment(LISTING)
    assert env['UV_DEFAULT_INDEX'] == 'https://env.example/simple'
    assert env['UV_INDEX'] == 'file:///one/simple file:///two/simple'
    assert env['UV_FIND_LINKS'] == '/wheels,/more'


def test_uvs_own_settings_win(monkeypatch):
    monkeypatch.setenv('UV_DEFAULT_INDEX', 'https://own.example')
    env = setup_env.uv_environment(LISTING)
    assert env['UV_DEFAULT_INDEX'] == 'https://own.example'


@pytest.mark.parametrize('own, used', [(None, '1'), ('0', '0')])
def test_bytecode_is_compiled_unless_somebody_says_no(own, used, monkeypatch):
    monkeypatch.delenv('UV_COMPILE_BYTECODE', raising=False)
    if own:
        monkeypatch.setenv('UV_COMPILE_BYTECODE', own)
    assert setup_env.uv_environment('')['UV_COMPILE_BYTECODE'] == used


@pytest.mark.parametrize('name', ['PIP_USER', 'PIP_TARGET', 'PYTHONPATH'])
def test_what_would_misdirect_packages_is_left_out(name, project, monkeypatch):
    monkeypatch.setenv(name, '/elsewhere')
    setup_env.STAMP.unlink()
    seen = []
    monkeypatch.setattr(setup_env, 'set_up', lambda: seen.extend(os.environ))
    setup_env.main()
    assert seen and name not in seen


def test_the_constraints_hold_every_pin():
    text = (ROOT / 'constraints.txt').read_text()
    held = dict(re.findall(r'^([\w-]+)==([^\s;]+)', text, re.M))
    for name, version in setup_env.pins().items():
        if name != 'mmcv':
            assert held[name] == version


def test_every_pin_has_a_reason():
    for line in (ROOT / 'requirements.txt').read_text().splitlines():
        assert line.startswith('#') or re.fullmatch(
            r'[\w-]+==[\d.]+  # \S.{4,}', line), line
