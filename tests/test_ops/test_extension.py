# Copyright (c) DKSAN-MM contributors.
"""The build of the C++ operators, and operation without them."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dksan_mm.ops import extension

ROOT = Path(__file__).parents[2]

STEP = """
import torch
from dksan_mm.ops import DeformKernelConv2d, cpp, set_backend

for _ in range(2):
    layer = DeformKernelConv2d(4, 4)
    layer(torch.randn(1, 4, 5, 6)).sum().backward()
assert not cpp.load()
try:
    with set_backend('cpp'):
        layer(torch.randn(1, 4, 5, 6))
except RuntimeError as error:
    print(error)
"""

# Two processes that meet; a compiler that takes its time and keeps count.
SLOW_BUILD = """
import sys, time
from pathlib import Path
from dksan_mm.ops import extension

def compile_slowly(folder):
    library = Path(folder) / 'dksan_mm_ops.so'
    with open(sys.argv[1] + '/count', 'a') as count:
        count.write('.')
    library.write_text('half')
    time.sleep(1)
    library.write_text('whole')

extension._compile = compile_slowly
path = extension._library_path()
while not path.exists():
    extension._build(path)
assert path.read_text() == 'whole'
"""


def start(code, cache, *arguments, **variables):
    environment = dict(os.environ, TORCH_EXTENSIONS_DIR=str(cache))
    environment.pop('DKSAN_MM_BACKEND', None)
    environment.update(variables)
    return subprocess.Popen([sys.executable, '-c', code, *arguments],
                            cwd=ROOT,
                            env=environment,
                            stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE,
                            text=True)


@pytest.mark.processes
@pytest.mark.parametrize('obstacle', ['compiler', 'folder'])
def test_without_a_build_there_is_one_warning(tmp_path, obstacle):
    variables = {}
    if obstacle == 'compiler':
        variables = dict(PATH=str(tmp_path))
    else:  # a file where the folder should be
        tmp_path /= 'taken'
        tmp_path.write_text('')
    process = start(STEP, tmp_path, **variables)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err.count('pure torch') == 1
    assert 'Traceback' not in err
    assert 'cannot be built' in out


@pytest.mark.processes
def test_processes_wait_for_one_build(tmp_path):
    processes = [start(SLOW_BUILD, tmp_path, str(tmp_path)) for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert (tmp_path / 'count').read_text() == '.'
    folder, = tmp_path.glob('dksan_mm_ops_*')
    assert {file.suffix for file in folder.iterdir()} == {'.so', '.lock'}


@pytest.mark.processes
def test_failed_build_leaves_nothing(tmp_path, monkeypatch):

    def fail(folder):
        raise RuntimeError('disk full')

    monkeypatch.setenv('TORCH_EXTENSIONS_DIR', str(tmp_path))
    monkeypatch.setattr(extension, '_compile', fail)
    path = extension._library_path()
    with pytest.raises(RuntimeError, match='disk full'):
        extension._build(path)
    assert [file.suffix for file in path.parent.iterdir()] == ['.lock']


@pytest.mark.processes
def test_library_is_named_by_what_it_depends_on(monkeypatch):
    names = {extension._library_path()}
    monkeypatch.setattr(extension, '_processor', lambda: 'another')
    names.add(extension._library_path())
    monkeypatch.setattr(extension, 'FLAGS', ['-O0'])
    names.add(extension._library_path())
    monkeypatch.setattr('torch.__version__', '9.9')
    names.add(extension._library_path())
    assert len(names) == 4


def test_a_library_lies_where_its_name_says_what_it_is_of(
        tmp_path, monkeypatch):
    monkeypatch.delenv('TORCH_EXTENSIONS_DIR', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    path = extension._library_path()
    assert path.parents[1] == tmp_path / 'torch_extensions'
    assert path.name == 'dksan_mm_ops.so'
    monkeypatch.setenv('TORCH_EXTENSIONS_DIR', str(tmp_path / 'own'))
    assert extension._library_path() == (
        tmp_path / 'own' / path.parent.name / path.name)
    monkeypatch.setattr(extension, 'FLAGS', [*extension.FLAGS, '-g'])
    assert extension._library_path().parent.name != path.parent.name


def test_without_a_place_to_build_in_there_is_one_warning(
        tmp_path, monkeypatch, caplog):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('TORCH_EXTENSIONS_DIR', str(tmp_path / 'file'))
    assert extension.load.__wrapped__() is False
    [record] = [
        record for record in caplog.records
        if record.name == extension.__name__
    ]
    assert record.getMessage().startswith(
        'The C++ operators could not be built, the slower pure torch ones '
        'are used: [Errno 20]')
