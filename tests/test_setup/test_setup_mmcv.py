# Copyright (c) DKSAN-MM contributors.
"""mmcv is built once, for this machine; interrupted builds continue."""

import json
import sys
import tarfile
from pathlib import Path

import pytest
import setup_mmcv
from setup_mmcv import Target
from setup_process import SetupError

pytestmark = pytest.mark.processes

CPU = Target('2.11.0+cu130')
GPU = Target('2.11.0+cu130', ('8.0', '9.0'), '/cuda')
PYTHON = Path(sys.executable)

# Stands for mmcv's own: says what ninja says, and writes a wheel.
SETUP = '''
import os, pathlib
assert os.environ['MMCV_WITH_OPS'] == '1'
assert not pathlib.Path('build/lib.x').exists()
print('[1/2] c++ a.cpp')
pathlib.Path('dist').mkdir()
pathlib.Path('dist/mmcv-2.1.0-cp3-cp3-linux.whl').write_text('wheel')
'''


@pytest.fixture
def release(monkeypatch, tmp_path):
    """Install a tiny release instead of mmcv's; count its downloads."""
    (tmp_path / 'mmcv-2.1.0').mkdir()
    (tmp_path / 'mmcv-2.1.0' / 'setup.py').write_text(SETUP)
    downloads = []
    real = setup_mmcv.run

    def run(command, doing, **options):
        if 'download' not in command:
            return real(command, doing, **options)
        downloads.append(command)
        folder = command[command.index('--dest') + 1]
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / 'mmcv-2.1.0.tar.gz', 'w:gz') as archive:
            archive.add(tmp_path / 'mmcv-2.1.0', 'mmcv-2.1.0')

    monkeypatch.setattr(setup_mmcv, 'run', run)
    return downloads


@pytest.fixture
def python(script, monkeypatch, tmp_path):
    """Pretend that torch finds GPUs and a CUDA toolkit of some version."""

    def pretend(arches, cuda='13.0', toolkit='13.0'):
        home = tmp_path / 'cuda'
        if toolkit:
            script('cuda/bin/nvcc', f'echo "tools, release {toolkit}, V1"\n')
            (home / 'include').mkdir()
            (home / 'include' / 'cuda_runtime.h').touch()
        found = json.dumps(['2.11.0+x', cuda, str(home), arches])
        return script('python', f"echo '{found}'\n")

    monkeypatch.delenv('TORCH_CUDA_ARCH_LIST', raising=False)
    return pretend


@pytest.mark.parametrize('compiler', ['no-such-compiler', 'false'])
def test_a_compiler_that_is_none_is_one_sentence(compiler, monkeypatch):
    monkeypatch.setenv('CXX', compiler)
    with pytest.raises(SetupError, match='build-essential') as caught:
        setup_mmcv.check_compiler()
    assert compiler in str(caught.value)


def test_a_missing_python_header_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(setup_mmcv.sysconfig, 'get_paths',
                        lambda: {'include': str(tmp_path)})
    with pytest.raises(SetupError, match=r'python3\.\d+-dev'):
        setup_mmcv.check_compiler()


def test_this_machines_compiler_passes():
    setup_mmcv.check_compiler()


@pytest.mark.parametrize('arches, wish, expected', [
    ([], '', []),
    ([], '0', []),
    (['9.0'], '', ['9.0']),
    (['9.0'], '0', []),
    (['8.0', '9.0'], '1', ['8.0', '9.0']),
])
def test_the_target_follows_the_gpu_and_the_wish(arches, wish, expected,
                                                 python):
    target = setup_mmcv.choose_target(python(arches), wish)
    assert target.torch == '2.11.0+x' and list(target.arches) == expected


def test_cuda_can_be_forced_for_a_gpu_elsewhere(python, monkeypatch):
    path = python([])
    with pytest.raises(SetupError, match='TORCH_CUDA_ARCH_LIST'):
        setup_mmcv.choose_target(path, '1')
    monkeypatch.setenv('TORCH_CUDA_ARCH_LIST', '8.0;9.0')
    assert list(setup_mmcv.choose_target(path, '1').arches) == ['8.0', '9.0']


@pytest.mark.parametrize('toolkit, words', [
    ('12.4', 'torch needs CUDA 13'),
    ('', 'no CUDA 13 toolkit'),
])
def test_a_toolkit_that_does_not_fit_is_not_used(toolkit, words, python,
                                                 capsys):
    path = python(['9.0'], toolkit=toolkit)
    assert setup_mmcv.choose_target(path, '').arches == ()
    assert words in capsys.readouterr().out
    with pytest.raises(SetupError, match=words):
        setup_mmcv.choose_target(path, '1')


def test_a_torch_without_cuda_cannot_be_forced(python):
    with pytest.raises(SetupError, match='no CUDA'):
        setup_mmcv.choose_target(python([], cuda=None), '1')


def test_a_torch_that_does_not_start_is_quoted(script):
    with pytest.raises(SetupError, match='bad libc'):
        setup_mmcv.choose_target(
            script('python', 'echo "bad libc" >&2; exit 1\n'), '')


@pytest.mark.parametrize('meminfo, limit, device, expected', [
    ('MemAvailable: 67108864 kB', 'max', 'cpu', 8),
    ('MemAvailable: 67108864 kB', '3221225472', 'cpu', 3),
    ('MemAvailable: 2097152 kB', 'max', 'cpu', 2),
    ('MemAvailable: 524288 kB', 'max', 'cpu', 1),
    ('MemAvailable: 10485760 kB', 'max', 'cuda', 4),
])
def test_jobs_fit_into_the_memory(meminfo, limit, device, expected,
                                  monkeypatch, tmp_path):
    (tmp_path / 'meminfo').write_text(f'MemTotal: 9 kB\n{meminfo}\n')
    (tmp_path / 'limit').write_text(limit)
    monkeypatch.setattr(setup_mmcv, 'MEMORY_FILES',
                        [(tmp_path / 'meminfo', 1024), (tmp_path / 'limit', 1),
                         (tmp_path / 'none', 1)])
    monkeypatch.setattr(setup_mmcv.os, 'sched_getaffinity',
                        lambda _: set(range(8)))
    assert setup_mmcv.count_jobs(device) == expected


def test_a_wheel_is_built_once(release):
    wheel = setup_mmcv.build(PYTHON, CPU)
    assert wheel.read_text() == 'wheel' and wheel.parent == CPU.folder()
    wheel.write_text('kept')
    assert setup_mmcv.build(PYTHON, CPU).read_text() == 'kept'
    assert len(release) == 1 and not (CPU.folder() / 'src').exists()


def test_what_was_cut_off_does_not_pass_for_finished(release):
    (CPU.folder() / 'src.partial' / 'mmcv-2.1.0' / 'x').mkdir(parents=True)
    source = setup_mmcv._source(PYTHON, CPU.folder())
    assert not (source / 'x').exists()
    for name in ('build/lib.x', 'build/temp.x', 'dist'):
        (source / name).mkdir(parents=True)
    (source / 'dist' / 'mmcv-2.1.0-cp3.whl').write_text('half')
    assert setup_mmcv.build(PYTHON, CPU).read_text() == 'wheel'
    assert len(release) == 1


def test_a_build_goes_on_after_the_files_compiled_before(release):
    source = setup_mmcv._source(PYTHON, CPU.folder())
    compiled = source / 'build' / 'temp.x' / 'a.o'
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    (source /
     'setup.py').write_text(f'assert open({str(compiled)!r})\n{SETUP}')
    assert setup_mmcv.build(PYTHON, CPU).read_text() == 'wheel'


def test_a_failed_build_shows_its_last_lines(release):
    source = setup_mmcv._source(PYTHON, CPU.folder())
    (source / 'setup.py').write_text('raise SystemExit("error: bad flag")')
    with pytest.raises(SetupError, match='error: bad flag'):
        setup_mmcv.build(PYTHON, CPU)
    assert CPU.wheel() is None and source.exists()


def test_the_release_is_the_pinned_one():
    text = Path(setup_mmcv.__file__).with_name('mmcv.txt').read_text()
    assert text.startswith(setup_mmcv.RELEASE.replace('-', '==') + ' --hash=')


def test_builds_for_different_things_lie_apart():
    targets = (CPU, GPU, CPU._replace(torch='2.12.0'))
    assert len({target.folder() for target in targets}) == 3
    tag = f'cp3{sys.version_info.minor}'
    assert GPU.folder().name == f'mmcv-2.1.0-{tag}-torch2.11.0+cu130-sm80-90'


@pytest.mark.parametrize('target', [CPU, GPU])
def test_a_kept_wheel_is_found_before_torch_can_be_asked(target):
    assert not setup_mmcv.is_any_kept('2.11.0')
    target.folder().mkdir(parents=True)
    (target.folder() / 'mmcv-2.1.0-cp3.whl').touch()
    assert setup_mmcv.is_any_kept('2.11.0')
    assert not setup_mmcv.is_any_kept('2.12.0')


def test_a_build_for_the_cpu_hides_the_gpu():
    env = setup_mmcv.build_environment(PYTHON, CPU)
    assert env['FORCE_CUDA'] == '0' and env['CUDA_VISIBLE_DEVICES'] == ''
    assert env['PATH'].startswith(str(PYTHON.parent))


def test_a_build_stays_optimised(monkeypatch):
    monkeypatch.delenv('CFLAGS', raising=False)
    assert '-O' in setup_mmcv.build_environment(PYTHON, CPU)['CFLAGS']
    monkeypatch.setenv('CFLAGS', '-O1 -march=native')
    env = setup_mmcv.build_environment(PYTHON, CPU)
    assert env['CFLAGS'] == '-O1 -march=native -g0'


@pytest.mark.parametrize('own', ['', '/own/include'])
def test_a_build_for_the_gpu_names_its_architectures(own, monkeypatch,
                                                     tmp_path):
    headers = tmp_path / 'lib/python3.11/site-packages/nvidia/cu13/include'
    headers.mkdir(parents=True)
    monkeypatch.setenv('CPATH', own)
    env = setup_mmcv.build_environment(tmp_path / 'bin' / 'python', GPU)
    assert env['CPATH'].split(':') == ([own] if own else []) + [str(headers)]
    assert env['FORCE_CUDA'] == '1' and env['CUDA_HOME'] == '/cuda'
    assert env['TORCH_CUDA_ARCH_LIST'] == '8.0;9.0'


def test_the_installed_operators_work():
    assert setup_mmcv.trouble(PYTHON, CPU) == ''


def test_an_operator_that_fails_is_quoted(script):
    python = script('python', 'echo "undefined symbol: x" >&2\nexit 1\n')
    assert setup_mmcv.trouble(python, CPU) == 'undefined symbol: x'
