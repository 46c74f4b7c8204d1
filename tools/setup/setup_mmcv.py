# Copyright (c) DKSAN-MM contributors.
"""Build mmcv with its compiled operators, once for each torch.

mmcv's release on PyPI contains only its source. The wheel built here is kept
in the user's cache folder for the next environment, in a folder named after
the Python, torch and device that it was compiled for. An interrupted build
continues with the files that are not compiled yet.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

from setup_process import SetupError, cache, run

RELEASE = 'mmcv-2.1.0'
# GiB per compiler process: 0.9 measured for C++; nvcc with a margin.
JOB_MEMORY = {'cpu': 1.0, 'cuda': 2.5}
# Files in which the kernel reports available memory, and their units in bytes.
MEMORY_FILES = [('/proc/meminfo', 1024), ('/sys/fs/cgroup/memory.max', 1),
                ('/sys/fs/cgroup/memory/memory.limit_in_bytes', 1)]

_PROBE = """
import json, torch
from torch.utils.cpp_extension import CUDA_HOME
gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
print(json.dumps([torch.__version__, torch.version.cuda, CUDA_HOME, sorted(
    {'%d.%d' % torch.cuda.get_device_capability(gpu) for gpu in gpus})]))
"""

# Load the compiled file alone: importing mmcv takes seconds more.
_TRIAL = """
import sys, torch
from importlib.util import find_spec
sys.path[:0] = find_spec('mmcv').submodule_search_locations
import _ext
boxes = torch.tensor([[0., 0, 4, 4], [0, 0, 4, 3], [5, 5, 9, 9]])
device = sys.argv[1] if torch.cuda.is_available() else 'cpu'
kept = _ext.nms(boxes.to(device), torch.tensor([.9, .8, .7]).to(device),
                iou_threshold=.5, offset=0)
assert kept.tolist() == [0, 2], 'wrong result'
"""

_CPP = """
#include <optional>
#if !defined(__clang__) && __GNUC__ < 9
#error too old
#endif
#include <Python.h>
"""


class Target(NamedTuple):
    """Target of a build of mmcv: torch version, GPU and CUDA toolkit."""

    torch: str
    arches: tuple = ()  # such as '9.0'; empty: CPU only
    cuda_home: str = ''

    def folder(self) -> Path:
        """Return the folder of a build, named by all that it depends on."""
        device = 'sm' + '-'.join(self.arches).replace('.', '')
        return cache() / (f'{RELEASE}-cp3{sys.version_info.minor}-torch'
                          f'{self.torch}-{device if self.arches else "cpu"}')

    def wheel(self) -> Path | None:
        """Return the finished wheel in the cache, if it exists."""
        return next(self.folder().glob(f'{RELEASE}-*.whl'), None)


def is_any_kept(torch: str) -> bool:
    """Return whether there is a wheel for this torch, for any device."""
    pattern = Target(f'{torch}*', ('*', )).folder().name.replace('sm', '')
    return any(cache().glob(f'{pattern}/{RELEASE}-*.whl'))


def choose_target(python: Path, wish: str) -> Target:
    """Choose between operators for the CPU only and for CPU and GPU.

    Args:
        python (Path): Python of the environment.
        wish (str): ``'0'`` (CPU) or ``'1'`` (GPU) to force a choice; ``''``
            looks for a GPU and a CUDA compiler of torch's major version.
    """
    probe = subprocess.run([python, '-c', _PROBE],
                           capture_output=True,
                           text=True)
    if probe.returncode:
        raise SetupError('torch does not start in .venv: `make clean`, then '
                         '`make setup`; the error:\n' + probe.stderr[-800:])
    torch, cuda, home, arches = json.loads(probe.stdout.splitlines()[-1])
    if wish == '1' and not arches:
        arches = re.findall(r'[\d.]+', os.getenv('TORCH_CUDA_ARCH_LIST', ''))
    why = _why_no_cuda(cuda, home or '', arches)
    if wish == '1' and why:
        raise SetupError(f'MMCV_CUDA=1 is not possible: {why}.')
    if wish == '' and arches and why:
        print(f'      mmcv\'s operators are built for the CPU only: {why}.')
    return Target(torch, *([] if why or wish == '0' else [arches, home]))


def _why_no_cuda(cuda: str | None, home: str, arches: list) -> str:
    if not cuda:
        return 'this torch has no CUDA'
    if not arches:
        return ('torch finds no GPU here (to build for another machine, set '
                'its capability, such as TORCH_CUDA_ARCH_LIST=9.0)')
    wanted = cuda.split('.')[0]
    nvcc = Path(home, 'bin', 'nvcc')
    if not (nvcc.is_file() and Path(home, 'include/cuda_runtime.h').exists()):
        return f'there is no CUDA {wanted} toolkit (nvcc) here'
    text = subprocess.check_output([nvcc, '--version'], text=True)
    if f'release {wanted}.' not in text:
        return f'torch needs CUDA {wanted}, but {home} has another version'
    return ''


def check_compiler() -> None:
    """Compile a few lines, so that the long build does not fail later."""
    compiler = os.getenv('CXX') or 'c++'
    include = '-I' + sysconfig.get_paths()['include']
    command = [*compiler.split(), '-std=c++17', '-x', 'c++', '-fsyntax-only']
    try:
        result = subprocess.run([*command, include, '-'],
                                input=_CPP,
                                capture_output=True,
                                text=True)
        if result.returncode == 0:
            return
        header = 'Python.h' in result.stderr
    except OSError:
        header = False
    python = f'python3.{sys.version_info.minor}'
    raise SetupError(
        (f'The header Python.h of {python} is missing: install it (Debian, '
         f'Ubuntu: `sudo apt install {python}-dev`; Fedora: `sudo dnf install '
         f'{python}-devel`)' if header else
         f'mmcv\'s operators need a C++17 compiler (GCC 9 or newer) and '
         f'{compiler!r} is none: install one (Debian, Ubuntu: `sudo apt '
         f'install build-essential`; Fedora: `sudo dnf install gcc-c++`)') +
        ', then run `make setup` again.')


def build(python: Path, target: Target) -> Path:
    """Return mmcv's wheel for a target; build it if the cache has none.

    The environment of ``python`` has mmcv's build requirements.
    """
    made = target.wheel()
    if made:
        print(f'      taken from {target.folder()}')
        return made
    check_compiler()
    source = _source(python, target.folder())
    # Files of an interrupted link or packing step would pass as finished.
    for leftover in [source / 'dist', *source.glob('build/[!t]*')]:
        shutil.rmtree(leftover, ignore_errors=True)
    env = build_environment(python, target)
    print(
        f'      compiling for {" and ".join(("CPU", *target.arches))}, '
        f'{env["MAX_JOBS"]} files at a time',
        flush=True)
    run([python, 'setup.py', 'bdist_wheel'],
        'compiling mmcv',
        env=env,
        cwd=source)
    wheel = next(source.glob('dist/*.whl'))
    kept = wheel.rename(target.folder() / wheel.name)
    shutil.rmtree(source)
    return kept


def _source(python: Path, folder: Path) -> Path:
    """Unpack the release; a complete folder is renamed last."""
    source, partial = folder / 'src', folder / 'src.partial'
    if not source.is_dir():
        command = [python, '-m', 'pip', 'download', '--no-deps', '--no-binary']
        command += ['mmcv', '--no-build-isolation', '--dest', folder, '-r']
        run([*command, Path(__file__).with_name('mmcv.txt')],
            'downloading mmcv\'s source')
        shutil.rmtree(partial, ignore_errors=True)
        shutil.unpack_archive(folder / f'{RELEASE}.tar.gz', partial)
        (partial / RELEASE).rename(source)
    return source


def count_jobs(device: str) -> int:
    """Return the number of compile jobs that memory and cores permit."""
    jobs = len(os.sched_getaffinity(0))
    for path, unit in MEMORY_FILES:
        text = Path(path).read_text() if os.path.exists(path) else ''
        for size in re.findall(r'(?:MemAvailable:\s*|^)(\d+)', text):
            memory = int(size) * unit / 2**30
            jobs = min(jobs, int(memory // JOB_MEMORY[device]))
    return max(1, jobs)


def build_environment(python: Path, target: Target) -> dict[str, str]:
    """Return the environment variables for mmcv's and torch's builds."""
    # ninja is next to the environment's Python.
    path = f'{python.parent}{os.pathsep}{os.environ["PATH"]}'
    env = dict(os.environ, MMCV_WITH_OPS='1', PATH=path)
    jobs = count_jobs('cuda' if target.arches else 'cpu')
    env.setdefault('MAX_JOBS', str(jobs))
    # Python's own flags include debug information, which doubles the compile
    # time. The variable replaces these flags, so they are repeated here.
    flags = env.get('CFLAGS') or sysconfig.get_config_var('CFLAGS') or '-O3'
    env['CFLAGS'] = flags + ' -g0'
    if not target.arches:
        # mmcv's script builds for CUDA if torch sees a GPU.
        return env | dict(FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
    # Small toolkits lack headers, which torch's own packages have.
    headers = python.parents[1].glob(
        'lib/python3*/site-packages/nvidia/cu[0-9]*/include')
    return env | dict(
        FORCE_CUDA='1',
        TORCH_CUDA_ARCH_LIST=';'.join(target.arches),
        CUDA_HOME=target.cuda_home,
        CPATH=':'.join(filter(None, [env.get('CPATH'), *map(str, headers)])))


def trouble(python: Path, target: Target) -> str:
    """Run an operator of the installed mmcv; return its error, or ''."""
    device = 'cuda' if target.arches else 'cpu'
    result = subprocess.run([python, '-c', _TRIAL, device],
                            capture_output=True,
                            text=True)
    return (result.stderr or 'failed').splitlines()[-1] * bool(
        result.returncode)
