# Copyright (c) DKSAN-MM contributors.
"""Users without names, and output that cannot be written."""
import os
import pwd
import subprocess
import sys

import pytest

from dksan_mm.utils import environment

PROGRAM = '''
import importlib.util, sys
spec = importlib.util.spec_from_file_location('e', sys.argv[1])
e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e)
e.prepare_streams()
for _ in range(3):
    print('caf\\udce9 \\u65e5', flush=True)
print(open(sys.argv[1]).fileno() > 2, e.lost_output(), file=sys.stderr)
'''


def run(redirection='', **env):
    return subprocess.run(
        f'"{sys.executable}" -S -c "$PROGRAM" "$FILE" {redirection}',
        shell=True,
        capture_output=True,
        timeout=60,
        env=dict(
            os.environ, PROGRAM=PROGRAM, FILE=environment.__file__, **env))


@pytest.mark.parametrize('encoding, text', [
    ('utf-8:strict', 'caf\\udce9 \u65e5'.encode()),
    ('ascii:strict', b'caf\\udce9 \\u65e5'),
    ('latin-1:strict', b'caf\\udce9 \\u65e5'),
])
def test_names_that_the_terminal_cannot_show(encoding, text):
    done = run(PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stdout.splitlines() == [text] * 3
    assert done.stderr.strip() == b'True'


@pytest.mark.parametrize('redirection, said', [
    ('>&-', b'True'),
    ('> /dev/full', b'True standard output could not be written: No space '
     b'left on device'),
    ('| true', b'True'),
])
def test_output_that_leads_nowhere(redirection, said):
    done = run(redirection)
    assert done.returncode == 0
    assert done.stderr.strip() == said


def test_all_streams_closed():
    assert run('<&- >&- 2>&-').returncode == 0


def test_a_user_without_a_name_gets_one(monkeypatch, tmp_path):
    import getpass

    def unknown(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, 'getpwuid', unknown)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    for name in ('LOGNAME', 'USER', 'LNAME', 'USERNAME', 'HOME'):
        monkeypatch.delenv(name, raising=False)
    environment.name_user()
    assert getpass.getuser() == f'user{os.getuid()}'
    home = os.path.expanduser('~')
    assert home == str(tmp_path / f'dksan_mm-{os.getuid()}')
    assert os.stat(home).st_mode & 0o777 == 0o700
    monkeypatch.setenv('HOME', '/nonexistent')
    environment.name_user()
    assert os.environ['HOME'] == home


def test_what_exists_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    before = dict(os.environ)
    environment.name_user()
    assert dict(os.environ) == before


def test_a_folder_that_others_can_write_to_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    taken = tmp_path / f'dksan_mm-{os.getuid()}'
    taken.mkdir()
    taken.chmod(0o777)
    assert environment.private_folder() != str(taken)
