# Copyright (c) DKSAN-MM contributors.
"""What mmcv is compiled for, and what is missing for that."""

import json

import pytest
import setup_compiler
from setup_process import SetupError


def _script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return path


def _python(tmp_path, arches, cuda='13.0'):
    found = json.dumps(dict(torch='2.11.0+x', cuda=cuda, arches=arches))
    return _script(tmp_path / 'python', f"echo '{found}'\n")


@pytest.fixture
def toolkit(monkeypatch, tmp_path):
    """Lay out a CUDA toolkit; returns a function that sets its version."""
    home = tmp_path / 'cuda'
    (home / 'include').mkdir(parents=True)
    (home / 'include' / 'cuda_runtime.h').touch()
    monkeypatch.setenv('CUDA_HOME', str(home))
    monkeypatch.delenv('TORCH_CUDA_ARCH_LIST', raising=False)

    def install(version):
        _script(home / 'bin' / 'nvcc',
                f'echo "tools, release {version}, V{version}.88"\n')

    install('13.0')
    return install


def test_a_compiler_that_is_missing_is_one_sentence(monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(SetupError, match='build-essential') as caught:
        setup_compiler.check_compiler()
    assert 'no-such-compiler' in str(caught.value)


def test_a_compiler_that_fails_is_one_sentence(monkeypatch):
    monkeypatch.setenv('CXX', 'false')
    with pytest.raises(SetupError, match='build-essential'):
        setup_compiler.check_compiler()


def test_a_missing_python_header_is_one_sentence(monkeypatch, tmp_path):
    compiler = _script(
        tmp_path / 'c++', 'for word in "$@"; do case "$word" in *.cpp) '
        '! grep -q Python.h "$word"; exit;; esac; done\n')
    monkeypatch.setenv('CXX', str(compiler))
    with pytest.raises(SetupError, match=r'python3\.\d+-dev'):
        setup_compiler.check_compiler()


def test_this_machines_compiler_passes():
    setup_compiler.check_compiler()


@pytest.mark.parametrize('arches, wish, expected', [
    ([], '', []),
    ([], '0', []),
    (['9.0'], '', ['9.0']),
    (['9.0'], '0', []),
    (['8.0', '9.0'], '1', ['8.0', '9.0']),
])
def test_the_target_follows_the_gpu_and_the_wish(arches, wish, expected,
                                                 toolkit, tmp_path):
    python = _python(tmp_path, arches)
    target = setup_compiler.choose_target(python, wish)
    assert target == setup_compiler.Target('2.11.0+x', expected)


def test_cuda_can_be_forced_for_a_gpu_elsewhere(toolkit, tmp_path,
                                                monkeypatch):
    python = _python(tmp_path, [])
    with pytest.raises(SetupError, match='TORCH_CUDA_ARCH_LIST'):
        setup_compiler.choose_target(python, '1')
    monkeypatch.setenv('TORCH_CUDA_ARCH_LIST', '8.0;9.0')
    target = setup_compiler.choose_target(python, '1')
    assert target.arches == ['8.0', '9.0']


def test_a_toolkit_of_another_version_is_not_used(toolkit, tmp_path, capsys):
    toolkit('12.4')
    python = _python(tmp_path, ['9.0'])
    assert setup_compiler.choose_target(python, '').arches == []
    assert 'is CUDA 12 and torch needs CUDA 13' in capsys.readouterr().out
    with pytest.raises(SetupError, match='is CUDA 12'):
        setup_compiler.choose_target(python, '1')


def test_a_torch_without_cuda_cannot_be_forced(toolkit, tmp_path):
    python = _python(tmp_path, [], cuda=None)
    with pytest.raises(SetupError, match='no CUDA'):
        setup_compiler.choose_target(python, '1')


def test_a_torch_that_does_not_start_is_quoted(tmp_path):
    python = _script(tmp_path / 'python', 'echo "bad libc" >&2; exit 1\n')
    with pytest.raises(SetupError, match='bad libc'):
        setup_compiler.choose_target(python, '')


@pytest.mark.parametrize('meminfo, limit, device, expected', [
    ('MemAvailable: 67108864 kB', 'max', [], 8),
    ('MemAvailable: 67108864 kB', '3221225472', [], 3),
    ('MemAvailable: 2097152 kB', 'max', [], 2),
    ('MemAvailable: 524288 kB', 'max', [], 1),
    ('MemAvailable: 10485760 kB', 'max', ['9.0'], 4),
])
def test_jobs_fit_into_the_memory(meminfo, limit, device, expected,
                                  monkeypatch, tmp_path):
    (tmp_path / 'meminfo').write_text(f'MemTotal: 9 kB\n{meminfo}\n')
    (tmp_path / 'limit').write_text(limit)
    monkeypatch.setattr(setup_compiler, '_MEMORY_FILES',
                        [(tmp_path / 'meminfo', 1024), (tmp_path / 'limit', 1),
                         (tmp_path / 'none', 1)])
    monkeypatch.setattr(setup_compiler.os, 'sched_getaffinity',
                        lambda _: set(range(8)))
    monkeypatch.delenv('MAX_JOBS', raising=False)
    target = setup_compiler.Target('2.11.0', device)
    assert setup_compiler.jobs_for(target) == expected
    monkeypatch.setenv('MAX_JOBS', '5')
    assert setup_compiler.jobs_for(target) == 5
