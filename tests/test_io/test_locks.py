# Copyright (c) DKSAN-MM contributors.
import errno
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock
import pytest

from dksan_mm.io.locks import claimed, lock_file, try_lock

ROOT = Path(__file__).resolve().parents[2]
HOLD = '''
import signal, sys
from dksan_mm.io.locks import claimed, lock_file
with claimed(sys.argv[1] + '/a.mp4'):
    handle = lock_file(sys.argv[1] + '/lock')
    print(handle is not None, flush=True)
    signal.pause()
'''


@pytest.fixture
def in_fork():
    """Return a function that forks a process, which lives until the end."""
    children = []

    def fork():
        children.append(os.fork())
        if not children[-1]:
            signal.pause()

    yield fork
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def is_free(path):
    handle = lock_file(str(path))
    if handle is not None:
        os.close(handle)
    return handle is not None


def test_one_run_writes_an_output(tmp_path):
    (tmp_path / 'link').symlink_to(tmp_path)
    with claimed(str(tmp_path / 'a.mp4')):
        with pytest.raises(FileExistsError, match='by another run'):
            with claimed(str(tmp_path / 'link/../link/a.mp4')):
                pass
        with claimed(str(tmp_path / 'b.mp4')):
            pass
    with claimed(str(tmp_path / 'a.mp4')):
        assert os.listdir(tmp_path) == ['link']


def test_a_forked_process_does_not_hold_the_claim_of_its_parent(
        tmp_path, in_fork):
    path = str(tmp_path / 'a.mp4')
    with claimed(path):
        in_fork()
    with claimed(path):
        pass


def test_a_killed_run_holds_no_lock(tmp_path):
    run = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True)
    try:
        assert run.stdout.readline().strip() == 'True'
        assert not is_free(tmp_path / 'lock')
        with pytest.raises(FileExistsError):
            with claimed(str(tmp_path / 'a.mp4')):
                pass
    finally:
        run.kill()
        run.communicate()
    assert is_free(tmp_path / 'lock')
    with claimed(str(tmp_path / 'a.mp4')):
        pass


@pytest.mark.parametrize('code', [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_in_the_file_system(tmp_path, monkeypatch, code):

    def refuse(*_):
        raise OSError(code, 'no locks here')

    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.setattr('fcntl.flock', refuse)
    ran = []
    for _ in range(2):  # no mark is left that would stop the second
        with claimed(str(tmp_path / 'a.mp4')):
            ran.append(True)
    assert len(ran) == 2
    with open(tmp_path / 'a', 'w') as file:
        assert try_lock(file.fileno()) is None
    with pytest.raises(OSError, match='no locks here'):
        lock_file(str(tmp_path / 'lock'))


@pytest.mark.parametrize('obstacle', ['read-only', 'link'])
def test_without_a_place_for_claims(tmp_path, monkeypatch, obstacle):
    folder = '/proc' if obstacle == 'read-only' else str(tmp_path)
    monkeypatch.setattr(tempfile, 'tempdir', folder)
    if obstacle == 'link':  # where another user wants files to be made
        (tmp_path / 'there').mkdir()
        (tmp_path / f'dksan_mm-{os.getuid()}').symlink_to('there')
    with claimed('a.mp4'), claimed('a.mp4'):
        ran = True
    assert ran and not list(tmp_path.glob('there/*'))


def test_a_locked_file_keeps_its_content_which_filelock_would_not(tmp_path):
    path = tmp_path / 'lock'
    path.write_text('mine')
    assert is_free(path) and path.read_text() == 'mine'
    with filelock.FileLock(path):  # why lock_file() does not use it
        assert path.read_text() == ''
        assert not is_free(path)


def test_a_forked_process_keeps_a_locked_file(tmp_path, in_fork):
    handle = lock_file(str(tmp_path / 'lock'))
    in_fork()
    os.close(handle)
    assert not is_free(tmp_path / 'lock')


def test_a_removed_file_is_no_lock(tmp_path, monkeypatch):
    path = tmp_path / 'lock'

    def lock_late(handle, **options):
        path.unlink()
        return filelock.lock_descriptor(handle, **options)

    monkeypatch.setattr('dksan_mm.io.locks.lock_descriptor', lock_late)
    assert not is_free(path)


def test_a_locked_file_is_no_link(tmp_path):
    (tmp_path / 'lock').symlink_to('there')
    with pytest.raises(OSError):
        lock_file(str(tmp_path / 'lock'))
    assert not (tmp_path / 'there').exists()


def test_an_open_file_is_locked_once(tmp_path):
    with open(tmp_path / 'a', 'w') as first, open(tmp_path / 'a') as second:
        assert try_lock(first.fileno()) is True
        assert try_lock(second.fileno()) is False
