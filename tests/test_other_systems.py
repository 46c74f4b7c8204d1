# Copyright (c) DKSAN-MM contributors.
"""Upscaling on systems without POSIX, such as Windows, and without /proc."""
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.video_files import make_video, moving, read_video

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[1]
# Takes away what Windows and macOS lack, once torch and Python's own modules
# are there; what this package imports, it does not find.
WITHOUT_POSIX = """
import builtins, os, pathlib, signal, sys
import av, filelock, numpy, rich.progress, torch

for name in ('fcntl', 'pwd', 'grp', 'resource', 'termios', 'posix'):
    sys.modules[name] = None
for name in ('getuid', 'geteuid', 'sysconf', 'pathconf', 'fork', 'link',
             'sched_getaffinity', 'register_at_fork', 'O_NOFOLLOW',
             'O_CLOEXEC', 'O_DIRECT', 'killpg', 'getpgid', 'setsid',
             'posix_fadvise', 'posix_fallocate', 'statvfs', 'mkfifo'):
    if hasattr(os, name):
        delattr(os, name)
for name in ('SIGHUP', 'SIGKILL', 'pthread_sigmask', 'SIGPIPE', 'pause'):
    if hasattr(signal, name):
        delattr(signal, name)
read = pathlib.Path.read_text

def read_text(path, *arguments, **settings):
    if str(path).startswith(('/proc', '/sys')):
        raise FileNotFoundError(str(path))
    return read(path, *arguments, **settings)

pathlib.Path.read_text = read_text
"""
UPSCALE = """
from dksan_mm.cli.commands import main
from dksan_mm.inference.tiles import free_memory
from dksan_mm.io import files
import dksan_mm

assert dksan_mm.__file__.startswith(sys.argv[1]), dksan_mm.__file__
assert free_memory(torch.device('cpu')) > 0
main(['upscale', sys.argv[2], sys.argv[3], '--model', 'bicubic'])
"""
WINDOWS = """
from dksan_mm.io import files
from dksan_mm.ops import extension

files.WINDOWS, sys.platform = True, 'win32'
assert not extension.load()
"""


def run(code, *arguments):
    return subprocess.run([sys.executable, '-c', code, *map(str, arguments)],
                          cwd=ROOT,
                          capture_output=True,
                          text=True,
                          timeout=120)


@pytest.mark.parametrize('system', ['', WINDOWS], ids=['no POSIX', 'Windows'])
@pytest.mark.parametrize('target', ['big.mp4', 'big'])
def test_a_video_is_upscaled(tmp_path, system, target):
    small = make_video(tmp_path / 'small.mkv', moving(3), rate=24)
    done = run(WITHOUT_POSIX + system + UPSCALE, ROOT, small,
               tmp_path / target)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'small.mkv', target}
    if target == 'big.mp4':
        assert [image.shape for _, image in read_video(tmp_path / target)
                ] == [(192, 320, 3)] * 3
    else:
        assert len(list((tmp_path / target).glob('*.png'))) == 3


def test_an_output_is_replaced_only_where_asked_for(tmp_path):
    small = make_video(tmp_path / 'small.mkv', moving(3), rate=24)
    (tmp_path / 'big.mp4').write_text('of somebody')
    done = run(WITHOUT_POSIX + WINDOWS + UPSCALE, ROOT, small,
               tmp_path / 'big.mp4')
    assert done.returncode == 2 and 'exists' in done.stderr
    assert 'Traceback' not in done.stderr
    assert (tmp_path / 'big.mp4').read_text() == 'of somebody'
