# Copyright (c) DKSAN-MM contributors.
"""Make a virtual environment and install packages into it.

uv does it where it can be had, else pip; both from the index that pip's
settings name.
"""

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, Optional, Sequence

from setup_process import CommandError, SetupError, explain, is_network, run

# pip's setting: uv's variable. A value of several words stays so.
_SETTINGS = {
    'index-url': 'UV_DEFAULT_INDEX',
    'extra-index-url': 'UV_INDEX',
    'find-links': 'UV_FIND_LINKS',
    'trusted-host': 'UV_INSECURE_HOST',
    'timeout': 'UV_HTTP_TIMEOUT',
    'default-timeout': 'UV_HTTP_TIMEOUT',
    'cert': 'SSL_CERT_FILE',
    'proxy': 'HTTPS_PROXY',
}
# These would send packages elsewhere than into the environment.
_HARMFUL = ('PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PYTHONHOME',
            'PYTHONPATH')


def is_usable(venv: Path, supported: Sequence[str], version: str) -> bool:
    """Tell whether an environment is whole enough to install into.

    Args:
        venv (Path): The environment.
        supported (Sequence[str]): Python versions that will do.
        version (str): The version of its Python.
    """
    # The file written last by the installation of pip.
    record = venv.glob('lib/python3*/site-packages/pip-*.dist-info/RECORD')
    return version in supported and any(record)


def make(python: str, venv: Path) -> None:
    """Make an empty environment in the place of what is there.

    Args:
        python (str): The interpreter that it is for.
        venv (Path): Where.

    Raises:
        SetupError: If Python's venv module fails.
    """
    result = subprocess.run([python, '-m', 'venv', '--clear',
                             str(venv)],
                            stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT,
                            env=clean_environment(),
                            universal_newlines=True)
    if result.returncode == 0:
        return
    if 'ensurepip' in result.stdout or 'No module named venv' in result.stdout:
        raise SetupError(
            'Python\'s venv module is incomplete here: install it (Debian, '
            'Ubuntu: `sudo apt install python3-venv`, or pythonX.Y-venv of '
            'that version), then run `make setup` again.')
    raise explain(
        CommandError(result.stdout.splitlines()), venv,
        'making the virtual environment')


def clean_environment() -> Dict[str, str]:
    """Copy the variables but those that would misdirect an installation."""
    return {
        name: value
        for name, value in os.environ.items() if name not in _HARMFUL
    }


def pip_settings(listing: str) -> Dict[str, str]:
    """Read ``pip config list``; its environment variables count most.

    Args:
        listing (str): Lines like ``global.index-url='https://...'``.
    """
    found: Dict[str, str] = {}
    for section in ('global', 'install', ':env:'):
        pattern = r'^{}\.([\w-]+)=(.*)$'.format(re.escape(section))
        for name, value in re.findall(pattern, listing, re.M):
            found[name] = str(ast.literal_eval(value))
    return found


def uv_environment(settings: Dict[str, str]) -> Dict[str, str]:
    """Say in uv's variables what pip's settings say; uv's own win.

    Args:
        settings (dict): What :func:`pip_settings` read.
    """
    env = clean_environment()
    for name, variable in _SETTINGS.items():
        if settings.get(name):
            joint = ',' if name == 'find-links' else ' '
            env.setdefault(variable, joint.join(settings[name].split()))
    # As pip does: every index is asked, and exact pins leave no choice.
    env.setdefault('UV_INDEX_STRATEGY', 'unsafe-best-match')
    return env


class Installer:
    """Installs packages with uv, or with pip where uv fails.

    Args:
        python (Path): The environment's Python.
        log (Path): File for what the programs print.
    """

    def __init__(self, python: Path, log: Path) -> None:
        self._python = python
        self._log = log
        self._env: Optional[Dict[str, str]] = None

    @property
    def _uv(self) -> Path:
        return self._python.parent / 'uv'

    def prepare(self, version: str) -> None:
        """Install uv itself, if it can be had.

        Args:
            version (str): Its pinned version.

        Raises:
            SetupError: If the package index cannot be reached.
        """
        try:
            if not self._has_uv(version):
                self._pip(
                    ['--retries', '2', '--timeout', '30', f'uv=={version}'])
            self._env = self._settings()
        except CommandError as error:
            if is_network(error):
                raise explain(error, self._log, 'fetching uv') from None
            print(
                '      uv cannot be had here: pip takes its place, some '
                'minutes slower',
                flush=True)

    def install(self, arguments: Sequence[str], doing: str) -> None:
        """Install packages.

        Args:
            arguments (Sequence[str]): As both ``pip install`` and ``uv pip
                install`` take them.
            doing (str): What it is, for error messages.

        Raises:
            SetupError: If neither program can.
        """
        try:
            if self._env is not None:
                try:
                    self._run_uv(arguments)
                    return
                except CommandError as error:
                    if is_network(error):
                        raise
                    print(
                        f'      uv failed (see {self._log}): trying pip',
                        flush=True)
            self._pip(arguments)
        except CommandError as error:
            raise explain(error, self._log, doing) from None

    def _has_uv(self, version: str) -> bool:
        folder = f'lib/python3*/site-packages/uv-{version}.dist-info/RECORD'
        return self._uv.exists() and any(
            self._python.parent.parent.glob(folder))

    def _settings(self) -> Dict[str, str]:
        listing = subprocess.run(
            [str(self._python), '-m', 'pip', 'config', 'list'],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True).stdout
        return uv_environment(pip_settings(listing))

    def _run_uv(self, arguments: Sequence[str]) -> None:
        command = [self._uv, 'pip', 'install', '--python', self._python]
        run(command + list(arguments), self._log, _last_words, self._env)

    def _pip(self, arguments: Sequence[str]) -> None:
        command = [
            self._python, '-m', 'pip', 'install',
            '--disable-pip-version-check', '--progress-bar', 'off'
        ]
        run(command + list(arguments), self._log, _last_words,
            clean_environment())


def uv_cache() -> Path:
    """Return the folder where uv keeps what it downloaded."""
    own = os.environ.get('UV_CACHE_DIR')
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(own or Path(base) / 'uv').expanduser()


def _last_words(line: str) -> str:
    """Show what uv or pip say last, without the addresses."""
    return re.sub(r'\S*://\S*', '', line).strip()[:70]
