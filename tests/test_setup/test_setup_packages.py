# Copyright (c) DKSAN-MM contributors.
"""uv gets the settings of pip, and pip takes over where uv fails."""

import pytest
import setup_packages
from setup_process import CommandError, NetworkError, SetupError

LISTING = """\
:env:.index-url='https://env.example/simple'
global.index-url='https://global.example/simple'
global.extra-index-url='file:///one/simple file:///two/simple'
install.find-links='/wheels\\n/more'
"""


def test_pips_own_order_of_settings_holds():
    settings = setup_packages.pip_settings(LISTING)
    assert settings == {
        'index-url': 'https://env.example/simple',
        'extra-index-url': 'file:///one/simple file:///two/simple',
        'find-links': '/wheels\n/more'
    }


def test_uv_is_told_pips_settings(monkeypatch):
    for name in ('UV_DEFAULT_INDEX', 'UV_INDEX', 'UV_FIND_LINKS'):
        monkeypatch.delenv(name, raising=False)
    env = setup_packages.uv_environment(setup_packages.pip_settings(LISTING))
    assert env['UV_DEFAULT_INDEX'] == 'https://env.example/simple'
    assert env['UV_INDEX'] == 'file:///one/simple file:///two/simple'
    assert env['UV_FIND_LINKS'] == '/wheels,/more'


def test_uvs_own_settings_win(monkeypatch):
    monkeypatch.setenv('UV_DEFAULT_INDEX', 'https://own.example')
    env = setup_packages.uv_environment({'index-url': 'https://pip.example'})
    assert env['UV_DEFAULT_INDEX'] == 'https://own.example'


@pytest.mark.parametrize('name', ['PIP_USER', 'PIP_TARGET', 'PYTHONPATH'])
def test_what_would_misdirect_packages_is_left_out(name, monkeypatch):
    monkeypatch.setenv(name, '/elsewhere')
    assert name not in setup_packages.clean_environment()
    assert name not in setup_packages.uv_environment({})


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Record the commands; the programs named in ``fails`` fail."""

    class Commands(list):
        fails = {}

        def run(self, command, log, status, env=None, cwd=None):
            program = 'uv' if str(command[0]).endswith('uv') else 'pip'
            self.append(program)
            if program in self.fails:
                raise CommandError([self.fails[program]])

    recorded = Commands()
    monkeypatch.setattr(setup_packages, 'run', recorded.run)
    monkeypatch.setattr(setup_packages.Installer, '_settings', lambda _: {})
    return recorded


def _installer(tmp_path):
    return setup_packages.Installer(tmp_path / 'bin' / 'python',
                                    tmp_path / 'log')


def test_uv_installs_once_it_is_there(commands, tmp_path):
    installer = _installer(tmp_path)
    installer.prepare('0.13.9')
    installer.install(['a==1'], 'trying')
    assert commands == ['pip', 'uv']


def test_pip_takes_over_where_uv_fails(commands, tmp_path):
    commands.fails = {'uv': 'it crashed'}
    installer = _installer(tmp_path)
    installer.prepare('0.13.9')
    installer.install(['a==1'], 'trying')
    assert commands == ['pip', 'uv', 'pip']


def test_pip_does_without_uv(commands, tmp_path):
    commands.fails = {'pip': 'no wheel of uv for this machine'}
    installer = _installer(tmp_path)
    installer.prepare('0.13.9')
    commands.fails = {}
    installer.install(['a==1'], 'trying')
    assert commands == ['pip', 'pip']


def test_without_a_network_nothing_more_is_tried(commands, tmp_path):
    commands.fails = {'uv': 'dns error'}
    installer = _installer(tmp_path)
    installer.prepare('0.13.9')
    with pytest.raises(NetworkError):
        installer.install(['a==1'], 'trying')
    assert commands == ['pip', 'uv']


@pytest.mark.parametrize('output, words', [
    ('The virtual environment was not created because ensurepip is not '
     'available', 'python3-venv'),
    ('Error: [Errno 28] No space left on device', 'disk'),
])
def test_a_venv_that_cannot_be_made_says_why(output, words, tmp_path):
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\necho "{output}"\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(SetupError, match=words):
        setup_packages.make(str(python), tmp_path / '.venv')
