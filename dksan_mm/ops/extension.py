# Copyright (c) DKSAN-MM contributors.
"""C++ operators of ``csrc/``, compiled for this machine at first use.

The library is stored in torch's extension cache. Its folder name is a hash of
sources, flags, torch, Python and processor, so that a library built for other
ones is never loaded. It is built in a temporary folder under a lock and then
moved: concurrent processes wait for one build.
"""

import functools
import hashlib
import logging
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from filelock import FileLock

from .compiling import compile_library

SOURCES = Path(__file__).parent / 'csrc'
FLAGS = [
    '-O3', '-march=native', '-fno-math-errno', '-fno-trapping-math',
    '-ffp-contract=fast', '-fvisibility-inlines-hidden'
]
LIBRARY = 'dksan_mm_ops'

logger = logging.getLogger(__name__)


@functools.lru_cache(maxsize=None)
def load() -> bool:
    """Load the library into ``torch.ops.dksan_mm``; build it if necessary.

    Returns:
        bool: Whether the operators are available. If not, one warning says
        why, except on Windows, whose compilers do not support the sources.
    """
    if sys.platform == 'win32':
        return False
    try:
        path = _library_path()
        if not path.exists():
            _build(path)
        torch.ops.load_library(str(path))
    except Exception as error:  # tool chains raise any kind of error
        reason = str(error).strip().splitlines() or [repr(error)]
        logger.warning(
            'The C++ operators could not be built, the slower pure torch '
            'ones are used: %s', reason[0])
        return False
    return True


def _library_path() -> Path:
    """Return the path of these sources' library on this machine."""
    # torch.utils.cpp_extension also knows this, but its import is slow.
    cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    root = os.environ.get(
        'TORCH_EXTENSIONS_DIR') or f'{cache}/torch_extensions'
    return Path(
        root).expanduser() / f'{LIBRARY}_{_fingerprint()}' / f'{LIBRARY}.so'


def _fingerprint() -> str:
    """Hash everything that the library depends on."""
    parts = [torch.__version__, sys.version, platform.machine(), _processor()]
    parts += FLAGS
    parts += [path.read_text() for path in _source_files('*')]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return model and instruction sets, which ``-march=native`` uses."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ('model name', 'flags', 'Features', 'CPU part')
    return '\n'.join(sorted({x for x in lines if x.startswith(wanted)}))


def _source_files(pattern: str) -> list[Path]:
    return sorted(SOURCES.glob(pattern))


def _build(path: Path) -> None:
    """Compile into a temporary folder, then move the library to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file system without locks raises an error: pure torch is used.
    with FileLock(path.with_suffix('.lock'), fallback_to_soft=False):
        if path.exists():  # built by another process
            return
        logger.warning('Building the C++ operators for this processor, once: '
                       'about half a minute')
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            _compile(folder)
            os.replace(Path(folder) / path.name, path)


def _compile(folder: str) -> None:
    """Compile into a folder, by torch if ninja is installed."""
    sources = _source_files('*.cpp')
    if shutil.which('ninja') is None:
        compile_library(LIBRARY, sources, FLAGS, Path(folder))
        return
    from torch.utils.cpp_extension import load as compile_extension
    compile_extension(
        LIBRARY,
        list(map(str, sources)),
        extra_cflags=FLAGS,
        build_directory=folder,
        is_python_module=False)
