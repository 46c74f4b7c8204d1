# Copyright (c) DKSAN-MM contributors.
"""mmcv is built once, visibly, and goes on where it was cut off."""

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest
import setup_compiler
import setup_mmcv
from setup_process import SetupError

CPU = setup_compiler.Target('2.11.0+cu130', [])
GPU = setup_compiler.Target('2.11.0+cu130', ['8.0', '9.0'])
PYTHON = Path(sys.executable)

# Stands for mmcv's own: says what ninja says, and writes a wheel.
SETUP = '''
import os, pathlib
assert os.environ['MMCV_WITH_OPS'] == '1'
assert not pathlib.Path('build/lib.x').exists()
print('building ext')
print('[1/2] c++ a.cpp')
pathlib.Path('dist').mkdir()
pathlib.Path('dist/mmcv-2.1.0-cp3-cp3-linux.whl').write_text('wheel')
'''


@pytest.fixture
def release(monkeypatch, tmp_path):
    """Put a tiny release in the place of mmcv's; counts its downloads."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode='w:gz') as tar:
        info = tarfile.TarInfo('mmcv-2.1.0/setup.py')
        info.size = len(SETUP)
        tar.addfile(info, io.BytesIO(SETUP.encode()))
    content = archive.getvalue()
    monkeypatch.setattr(setup_mmcv, 'SDIST_SHA256',
                        hashlib.sha256(content).hexdigest())
    downloads = []
    real = setup_mmcv.run

    def run(command, log, status, env=None, cwd=None):
        if 'download' not in command:
            return real(command, log, status, env, cwd)
        downloads.append(command)
        folder = command[command.index('--dest') + 1]
        (folder / setup_mmcv.SDIST).write_bytes(content)

    monkeypatch.setattr(setup_mmcv, 'run', run)
    return downloads


def test_a_wheel_is_built_once(release, tmp_path):
    folder = tmp_path / 'cache' / 'mmcv'
    wheel = setup_mmcv.build(PYTHON, folder, CPU)
    assert wheel.read_text() == 'wheel' and wheel.parent == folder
    wheel.write_text('kept')
    assert setup_mmcv.build(PYTHON, folder, CPU).read_text() == 'kept'
    assert len(release) == 1
    assert not (folder / 'src').exists()


def test_what_was_cut_off_does_not_pass_for_finished(release, tmp_path):
    (tmp_path / setup_mmcv.SDIST).write_bytes(b'the first few bytes')
    (tmp_path / 'src.partial' / 'mmcv-2.1.0').mkdir(parents=True)
    setup_mmcv._source(PYTHON, tmp_path, tmp_path / 'log')
    for name in ('build/lib.x', 'build/temp.x', 'dist'):
        (tmp_path / 'src' / name).mkdir(parents=True)
    (tmp_path / 'src' / 'dist' / 'mmcv-2.1.0-cp3.whl').write_text('half')
    wheel = setup_mmcv.build(PYTHON, tmp_path, CPU)
    assert wheel.read_text() == 'wheel'
    assert len(release) == 1


def test_a_build_goes_on_after_the_files_compiled_before(
        release, tmp_path, capsys):
    setup_mmcv._source(PYTHON, tmp_path, tmp_path / 'log')
    compiled = tmp_path / 'src' / 'build' / 'temp.x' / 'ops' / 'a.o'
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    setup_mmcv.build(PYTHON, tmp_path, CPU)
    assert 'after the 1 files' in capsys.readouterr().out


def test_a_failed_build_shows_its_last_lines_and_the_log(release, tmp_path):
    source = setup_mmcv._source(PYTHON, tmp_path, tmp_path / 'log')
    (source / 'setup.py').write_text('raise SystemExit("error: bad flag")')
    with pytest.raises(SetupError, match='error: bad flag') as caught:
        setup_mmcv.build(PYTHON, tmp_path, CPU)
    assert str(tmp_path / 'build.log') in str(caught.value)
    assert setup_mmcv.find_wheel(tmp_path) is None


def test_builds_for_different_things_lie_apart():
    names = {
        setup_mmcv.folder_name(target, python)
        for target in (CPU, GPU, CPU._replace(torch='2.12.0'))
        for python in ('cp311', 'cp312')
    }
    assert len(names) == 6
    assert 'mmcv-2.1.0-cp311-torch2.11.0+cu130-sm80-90' in names


def test_a_build_for_the_cpu_hides_the_gpu(monkeypatch):
    monkeypatch.setenv('FORCE_MLU', '1')
    env = setup_mmcv._environment(PYTHON, CPU)
    assert env['FORCE_CUDA'] == '0' and env['CUDA_VISIBLE_DEVICES'] == ''
    assert 'FORCE_MLU' not in env
    assert env['PATH'].startswith(str(PYTHON.parent))


def test_a_build_stays_optimised(monkeypatch):
    monkeypatch.delenv('CFLAGS', raising=False)
    assert '-O' in setup_mmcv._environment(PYTHON, CPU)['CFLAGS']
    monkeypatch.setenv('CFLAGS', '-O1 -march=native')
    env = setup_mmcv._environment(PYTHON, CPU)
    assert env['CFLAGS'] == '-O1 -march=native -g0'


@pytest.mark.parametrize('own', [None, '/own/include'])
def test_a_build_for_the_gpu_names_its_architectures(own, monkeypatch,
                                                     tmp_path):
    monkeypatch.setattr(setup_mmcv, 'cuda_home', lambda: Path('/cuda'))
    headers = tmp_path / 'lib/python3.11/site-packages/nvidia/cu13/include'
    headers.mkdir(parents=True)
    monkeypatch.delenv('CPATH', raising=False)
    if own:
        monkeypatch.setenv('CPATH', own)
    env = setup_mmcv._environment(tmp_path / 'bin' / 'python', GPU)
    assert env['CPATH'].split(':') == ([own] if own else []) + [str(headers)]
    assert env['FORCE_CUDA'] == '1' and env['CUDA_HOME'] == '/cuda'
    assert env['TORCH_CUDA_ARCH_LIST'] == '8.0;9.0'


def test_progress_tells_the_time_left(monkeypatch):
    now = [100.]
    monkeypatch.setattr(setup_mmcv.time, 'monotonic', lambda: now[0])
    progress = setup_mmcv.BuildProgress()
    now[0] = 120.  # torch has been imported
    assert progress('building \'mmcv._ext\' extension') is None
    now[0] = 180.
    assert progress('[10/70] c++ -c x.cpp') == (
        '10 of 70 files compiled, about 6:00 min left')
    assert progress('x.cpp:3: warning') is None
    assert progress('[70/70] c++ -c y.cpp').endswith('linking')


def test_the_installed_operators_work():
    assert setup_mmcv.trouble(PYTHON, CPU) == ''


def test_an_operator_that_fails_is_quoted(tmp_path):
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\necho "undefined symbol: x"\nexit 1\n')
    python.chmod(0o755)
    assert setup_mmcv.trouble(python, CPU) == 'undefined symbol: x'
