# Copyright (c) DKSAN-MM contributors.
"""Build mmcv with its compiled operators, once for each torch.

mmcv's release on PyPI is source only. The wheel made here stays in the
user's cache folder, named after the Python, torch and device that it was
compiled for, so that the next environment takes it from there. A build that
was cut off goes on with the files that are compiled already.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
import tarfile
import time
from pathlib import Path
from typing import Dict, Optional

from setup_compiler import Target, check_compiler, cuda_home, jobs_for
from setup_process import CommandError, check_disk, clock, explain, lock, run

VERSION = '2.1.0'
SDIST = f'mmcv-{VERSION}.tar.gz'
SDIST_SHA256 = ('d387bcab66b467479b6660310e23746c'
                'fc79c6e57acf04094680adb499a5cd3f')
_CUDA_HEADERS = 'nvidia/cu[0-9]*/include'
BUILD_DISK = 1.0  # GiB, above what a build was seen to take

# Load the compiled file alone, which takes seconds less than mmcv around it.
# Zero offsets make a deformable convolution an ordinary one.
_CHECK = """
import glob, sys, torch
from importlib.util import find_spec, module_from_spec, spec_from_file_location
place = find_spec('mmcv').submodule_search_locations[0]
spec = spec_from_file_location('_ext', glob.glob(place + '/_ext*.so')[0])
ext = module_from_spec(spec)
spec.loader.exec_module(ext)
d = sys.argv[1] if torch.cuda.is_available() else 'cpu'
x, w = torch.rand(1, 2, 5, 6, device=d), torch.rand(3, 2, 3, 3, device=d)
offset = torch.zeros(1, 18, 5, 6, device=d)
mask = torch.ones(1, 9, 5, 6, device=d)
out, buffer = x.new_empty(1, 3, 5, 6), x.new_empty(0)
ext.modulated_deform_conv_forward(
    x, w, x.new_empty(1), buffer, offset, mask, out, x.new_empty(0),
    kernel_h=3, kernel_w=3, stride_h=1, stride_w=1, pad_h=1, pad_w=1,
    dilation_h=1, dilation_w=1, group=1, deformable_group=1, with_bias=False)
want = torch.nn.functional.conv2d(x, w, padding=1)
assert torch.allclose(out, want, atol=1e-2), 'wrong result'
"""


def cache_root() -> Path:
    """Return the folder that keeps built wheels between environments."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(base).expanduser() / 'dksan_mm'


def folder_name(target: Target, python: str) -> str:
    """Name a build after all that its binary depends on.

    Args:
        target (Target): torch's version and the GPU architectures.
        python (str): The Python's tag, as ``cp311``.
    """
    device = 'cpu'
    if target.arches:
        device = 'sm' + '-'.join(target.arches).replace('.', '')
    return f'mmcv-{VERSION}-{python}-torch{target.torch}-{device}'


def python_tag(version: str) -> str:
    """Return ``cp311`` for ``3.11``."""
    return 'cp' + version.replace('.', '')


def find_wheel(folder: Path) -> Optional[Path]:
    """Return the finished wheel in a cache folder, if there is one."""
    return next(iter(sorted(folder.glob(f'mmcv-{VERSION}-*.whl'))), None)


def has_any_wheel(python: str, torch: str) -> bool:
    """Tell if some build for this Python and torch is in the cache."""
    pattern = f'mmcv-{VERSION}-{python}-torch{torch}*'
    return any(find_wheel(folder) for folder in cache_root().glob(pattern))


def trouble(python: Path, target: Target) -> str:
    """Run one of the installed mmcv's operators; say why it fails, or ''.

    Args:
        python (Path): The environment's Python.
        target (Target): What mmcv was compiled for.
    """
    device = 'cuda' if target.arches else 'cpu'
    result = subprocess.run([str(python), '-c', _CHECK, device],
                            stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT,
                            universal_newlines=True)
    lines = result.stdout.strip().splitlines() or ['no output']
    return lines[-1] if result.returncode else ''


def build(python: Path, folder: Path, target: Target) -> Path:
    """Return mmcv's wheel, building it where the cache has none.

    Args:
        python (Path): The environment's Python, which has torch and mmcv's
            other build requirements.
        folder (Path): This build's folder in the cache.
        target (Target): What to compile for.

    Raises:
        SetupError: If the build cannot be done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock_file = folder / 'lock'
    lock_file.touch()
    log = folder / 'build.log'
    waiting = f'Another set-up builds mmcv in {folder}: waiting for it.'
    with lock(lock_file, waiting, log):
        wheel = find_wheel(folder)
        if wheel is not None:
            print(f'      taken from {folder}')
            return wheel
        check_compiler()
        check_disk([(folder, BUILD_DISK)])
        source = _source(python, folder, log)
        return _compile(python, folder, source, target, log)


def _source(python: Path, folder: Path, log: Path) -> Path:
    """Unpack the release; a complete folder gets its name last."""
    source = folder / 'src'
    if source.is_dir():
        return source
    partial = folder / 'src.partial'
    shutil.rmtree(str(partial), ignore_errors=True)
    # Newer Pythons want to be told how careful to be.
    care = dict(filter='data') if hasattr(tarfile, 'data_filter') else {}
    with tarfile.open(str(_sdist(python, folder, log))) as archive:
        archive.extractall(str(partial), **care)
    (partial / f'mmcv-{VERSION}').rename(source)
    partial.rmdir()
    return source


def _sdist(python: Path, folder: Path, log: Path) -> Path:
    path = folder / SDIST
    if path.is_file() and _sha256(path) == SDIST_SHA256:
        return path
    partial = folder / 'download.partial'
    shutil.rmtree(str(partial), ignore_errors=True)
    partial.mkdir()
    wanted = partial / 'wanted.txt'
    wanted.write_text(f'mmcv=={VERSION} --hash=sha256:{SDIST_SHA256}\n')
    command = [
        python, '-m', 'pip', 'download', '--no-deps', '--no-binary', 'mmcv',
        '--no-build-isolation', '--dest', partial, '-r', wanted
    ]
    try:
        run(command, log, lambda _: 'downloading its source',
            _environment(python, Target('', [])))
    except CommandError as error:
        raise explain(error, log, 'downloading mmcv\'s source') from None
    os.replace(str(partial / SDIST), str(path))
    shutil.rmtree(str(partial))
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compile(python: Path, folder: Path, source: Path, target: Target,
             log: Path) -> Path:
    # What was cut off while it was linked or packed would pass for finished.
    for leftover in [source / 'dist', *source.glob('build/[!t]*')]:
        shutil.rmtree(str(leftover), ignore_errors=True)
    ready = len(list(source.glob('build/temp*/**/*.o')))
    jobs = jobs_for(target)
    print(f'      compiling for {_device(target)}, {jobs} files at a time; '
          f'details: {log}')
    if ready:
        print(f'      going on after the {ready} files compiled before')
    try:
        run([python, 'setup.py', 'bdist_wheel'], log, BuildProgress(),
            _environment(python, target, jobs), source)
    except CommandError as error:
        raise explain(error, log, 'compiling mmcv') from None
    built = next(source.glob('dist/mmcv-*.whl'))
    wheel = folder / built.name
    os.replace(str(built), str(wheel))
    shutil.rmtree(str(source))
    return wheel


def _device(target: Target) -> str:
    if not target.arches:
        return 'the CPU'
    return 'the CPU and the GPU (sm ' + ', '.join(target.arches) + ')'


def _environment(python: Path, target: Target, jobs: int = 1) -> Dict:
    """Make the variables that mmcv's and torch's build scripts read."""
    env = dict(os.environ, MMCV_WITH_OPS='1', MAX_JOBS=str(jobs))
    # ninja lies beside the environment's Python.
    env['PATH'] = f'{python.parent}{os.pathsep}{env["PATH"]}'
    # Python's own flags ask for debugging information: without it a file
    # compiles in half the time. The variable replaces them, so name them.
    flags = env.get('CFLAGS') or sysconfig.get_config_var('CFLAGS') or '-O3'
    env['CFLAGS'] = flags + ' -g0'
    for name in ('FORCE_MLU', 'FORCE_NPU', 'FORCE_MPS', 'MMCV_WITH_DIOPI'):
        env.pop(name, None)
    if target.arches:
        env['FORCE_CUDA'] = '1'
        env['TORCH_CUDA_ARCH_LIST'] = ';'.join(target.arches)
        env['CUDA_HOME'] = str(cuda_home())
        # A small toolkit lacks headers that torch's own packages bring.
        site = python.parent.parent.glob('lib/python3*/site-packages')
        more = [str(place) for s in site for place in s.glob(_CUDA_HEADERS)]
        env['CPATH'] = ':'.join(filter(None, [env.get('CPATH'), *more]))
    else:
        # mmcv's script builds for CUDA wherever torch sees a GPU.
        env.update(FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
    return env


class BuildProgress:
    """Read ninja's ``[12/77]`` as progress with the time left."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, line: str) -> Optional[str]:
        """Return the progress that an output line tells, if it does."""
        if line.startswith('building '):
            self._start = time.monotonic()
        found = re.match(r'\[(\d+)/(\d+)\] ', line)
        if found is None:
            return None
        done, total = map(int, found.groups())
        if done == total:
            return f'{total} of {total} files compiled, linking'
        left = (time.monotonic() - self._start) / done * (total - done)
        return (f'{done} of {total} files compiled, about '
                f'{clock(left)} min left')
