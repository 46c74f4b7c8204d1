# Copyright (c) DKSAN-MM contributors.
"""Find out what mmcv can be compiled for here, and whether it can."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Optional

from setup_process import GIB, SetupError

# GiB that one compiler process may take: 0.9 seen for a C++ file; for nvcc a
# margin above that.
JOB_MEMORY = {'cpu': 1.0, 'cuda': 2.5}

_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
devices = range(torch.cuda.device_count()) if cuda else []
print(json.dumps(dict(
    torch=torch.__version__,
    cuda=torch.version.cuda,
    arches=sorted({'%d.%d' % torch.cuda.get_device_capability(i)
                   for i in devices}))))
"""


class Target(NamedTuple):
    """What a build of mmcv is for.

    Attributes:
        torch (str): torch's version, as ``2.11.0+cu130``.
        arches (list[str]): GPU architectures, as ``9.0``; empty: CPU only.
    """

    torch: str
    arches: List[str]


def check_compiler() -> None:
    """Compile a small file, so that the long build does not fail later.

    Raises:
        SetupError: If there is no C++17 compiler or no Python header.
    """
    compiler = os.environ.get('CXX') or 'c++'
    with tempfile.TemporaryDirectory() as folder:
        if not _compiles(compiler, folder, '#include <optional>'):
            raise SetupError(
                f'mmcv\'s operators need a C++17 compiler (GCC 9 or newer) '
                f'and {compiler!r} is none: install one (Debian, Ubuntu: '
                f'`sudo apt install build-essential`; Fedora: `sudo dnf '
                f'install gcc-c++`), then run `make setup` again.')
        if not _compiles(compiler, folder, '#include <Python.h>'):
            version = sysconfig.get_python_version()
            raise SetupError(
                f'The header Python.h of Python {version} is missing: '
                f'install it (Debian, Ubuntu: `sudo apt install '
                f'python{version}-dev`; Fedora: `sudo dnf install '
                f'python{version}-devel`), then run `make setup` again.')


def _compiles(compiler: str, folder: str, line: str) -> bool:
    source = Path(folder) / 'try.cpp'
    source.write_text(
        '#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 9\n'
        f'#error too old\n#endif\n{line}\nint f() {{ return 0; }}\n')
    command = compiler.split() + [
        '-std=c++17', '-fPIC', '-shared',
        '-I' + sysconfig.get_paths()['include'],
        str(source), '-o',
        str(source.with_suffix('.so'))
    ]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def cuda_home() -> Optional[Path]:
    """Find the CUDA toolkit: a compiler with its headers."""
    homes = [
        os.environ.get(name) for name in ('CUDA_HOME', 'CUDA_PATH')
        if os.environ.get(name)
    ]
    on_path = shutil.which('nvcc')
    if on_path:
        homes.append(str(Path(on_path).resolve().parent.parent))
    for home in map(Path, homes + ['/usr/local/cuda']):
        header = home / 'include' / 'cuda_runtime.h'
        if (home / 'bin' / 'nvcc').is_file() and header.is_file():
            return home
    return None


def _cuda_major(home: Path) -> str:
    text = subprocess.run([str(home / 'bin' / 'nvcc'), '--version'],
                          stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    found = re.search(r'release (\d+)', text)
    return found.group(1) if found else ''


def choose_target(python: Path, wish: str) -> Target:
    """Decide between operators for the CPU alone and for the GPU too.

    Args:
        python (Path): The environment's Python.
        wish (str): ``'0'`` and ``'1'`` force it; ``''`` looks for a GPU and
            a CUDA compiler of torch's major version.

    Raises:
        SetupError: If CUDA is forced and cannot be had, or torch is broken.
    """
    probe = subprocess.run([str(python), '-c', _PROBE],
                           stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE,
                           universal_newlines=True)
    if probe.returncode:
        raise SetupError('torch does not start in .venv: `make clean`, then '
                         '`make setup`; it says:\n' + probe.stderr[-800:])
    found = json.loads(probe.stdout.splitlines()[-1])
    arches = found['arches']
    if wish == '1' and not arches:
        arches = os.environ.get('TORCH_CUDA_ARCH_LIST',
                                '').replace(';', ' ').split()
    why = _why_no_cuda(found['cuda'], arches)
    if wish == '1' and why:
        raise SetupError(f'MMCV_CUDA=1 cannot be done: {why}.')
    if wish == '0' or why:
        if wish != '0' and arches:
            print(f'      mmcv\'s operators are built for the CPU only: '
                  f'{why}.')
        arches = []
    return Target(found['torch'], arches)


def _why_no_cuda(torch_cuda: Optional[str],
                 arches: List[str]) -> Optional[str]:
    if not torch_cuda:
        return 'this torch has no CUDA'
    if not arches:
        return ('torch finds no GPU here (to build for one that is '
                'elsewhere, say which: TORCH_CUDA_ARCH_LIST=9.0)')
    home = cuda_home()
    wanted = torch_cuda.split('.')[0]
    if home is None:
        return f'there is no CUDA {wanted} toolkit (nvcc) here'
    if _cuda_major(home) != wanted:
        return (f'{home} is CUDA {_cuda_major(home)} and torch needs CUDA '
                f'{wanted}')
    return None


# Where the kernel tells the memory that is left, and the units.
_MEMORY_FILES = [('/proc/meminfo', 1024), ('/sys/fs/cgroup/memory.max', 1),
                 ('/sys/fs/cgroup/memory/memory.limit_in_bytes', 1)]


def jobs_for(target: Target) -> int:
    """Choose how many files to compile side by side."""
    if os.environ.get('MAX_JOBS', '').isdigit():
        return max(1, int(os.environ['MAX_JOBS']))
    per_job = JOB_MEMORY['cuda' if target.arches else 'cpu']
    by_memory = int(_free_memory() / per_job)
    return max(1, min(len(os.sched_getaffinity(0)), by_memory))


def _free_memory() -> float:
    """Return the GiB of memory that may be used, a container's limit too."""
    limits = [float('inf')]
    for path, unit in _MEMORY_FILES:
        try:
            text = Path(path).read_text()
        except OSError:
            continue
        found = re.search(r'(?:MemAvailable:\s*|^)(\d+)', text)
        if found:
            limits.append(int(found.group(1)) * unit / GIB)
    return min(limits)
