# Copyright (c) DKSAN-MM contributors.
"""Compilation without ninja."""
import subprocess
import sys

import pytest
import torch

from dksan_mm.ops import compiling, extension

# Notes its arguments; writes what it is asked for.
COMPILER = """#!/bin/sh
echo "$@" >> "$0.log"
case "$*" in *bad*) echo "note: x" >&2; echo "bad.cpp: error: no" >&2; exit 1
esac
for last; do :; done
touch "$last"
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    path = tmp_path / 'compiler'
    path.write_text(COMPILER)
    path.chmod(0o755)
    monkeypatch.setenv('CXX', str(path))
    return tmp_path / 'compiler.log'


def test_each_file_is_compiled_and_all_are_linked(tmp_path, compiler):
    sources = [tmp_path / 'a.cpp', tmp_path / 'b.cpp']
    compiling.compile_library('lib', sources, ['-O3'], tmp_path)
    *lines, last = compiler.read_text().splitlines()
    assert sorted(line.split()[-1] for line in lines) == [
        f'{tmp_path}/{name}.o' for name in 'ab'
    ]
    assert all(line.startswith('-O3 ') for line in lines)
    assert '-ltorch_cpu' in last and last.endswith(f'{tmp_path}/lib.so')
    assert (tmp_path / 'lib.so').is_file()


def test_the_compiler_s_first_error_is_named(tmp_path, compiler):
    with pytest.raises(RuntimeError, match='^bad.cpp: error: no$'):
        compiling.compile_library('lib', [tmp_path / 'bad.cpp'], [], tmp_path)


@pytest.mark.parametrize('version, standard', [('2.11.0+cpu', 'c++17'),
                                               ('2.14.1', 'c++20')])
def test_the_standard_is_that_of_torch(tmp_path, compiler, monkeypatch,
                                       version, standard):
    monkeypatch.setattr(torch, '__version__', version)
    compiling.compile_library('lib', [tmp_path / 'a.cpp'], [], tmp_path)
    assert f'-std={standard} ' in compiler.read_text()


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv('CXX', str(tmp_path / 'none'))
    with pytest.raises(OSError, match='none'):
        compiling.compile_library('lib', [tmp_path / 'a.cpp'], [], tmp_path)


def test_ninja_is_done_without(tmp_path, compiler, monkeypatch):
    monkeypatch.setattr(extension.shutil, 'which', lambda name: None)
    extension._compile(str(tmp_path))
    assert (tmp_path / 'dksan_mm_ops.so').is_file()


@pytest.mark.slow
def test_the_operators_are_compiled(tmp_path):
    compiling.compile_library('lib', extension._source_files('*.cpp'),
                              [*extension.FLAGS, '-O0'], tmp_path)
    # In a process of its own: a second definition of operators ends it.
    code = (f'import torch; torch.ops.load_library("{tmp_path}/lib.so"); '
            'print(torch.ops.dksan_mm.dense_forward)')
    done = subprocess.run([sys.executable, '-c', code],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert 'dksan_mm.dense_forward' in done.stdout
