# Copyright (c) DKSAN-MM contributors.
"""Compilation of C++ without ninja.

torch compiles with ninja, which is not installed together with torch.
"""
import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

ROOT = Path(torch.__file__).parent


def compile_library(name: str, sources: Sequence[Path], flags: Sequence[str],
                    folder: Path) -> None:
    """Compile a library of operators, its source files in parallel.

    Args:
        name (str): Name of the library, without '.so'.
        sources (Sequence[Path]): C++ files.
        flags (Sequence[str]): Compiler flags.
        folder (Path): Folder for the library and its object files.

    Raises:
        RuntimeError: If the compiler fails; names its first error.
        OSError: If there is no compiler.
    """
    abi = int(torch.compiled_with_cxx11_abi())
    include = ROOT / 'include'
    options: list[str | Path] = [
        *flags,
        _standard(), '-fPIC', f'-D_GLIBCXX_USE_CXX11_ABI={abi}', '-isystem',
        include, '-isystem', include / 'torch/csrc/api/include'
    ]
    objects = [folder / f'{source.stem}.o' for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(
            pool.map(lambda one, to: _run(*options, '-c', one, '-o', to),
                     sources, objects))
    _run(*objects, '-shared', f'-L{ROOT / "lib"}', '-lc10', '-ltorch_cpu',
         '-ltorch', '-o', folder / f'{name}.so')


def _standard() -> str:
    """Return the compiler flag for the C++ standard of torch's headers."""
    major, minor = map(int, torch.__version__.split('.')[:2])
    return f'-std=c++{20 if (major, minor) > (2, 11) else 17}'


def _run(*arguments: str | Path) -> None:
    compiler = os.environ.get('CXX', 'c++').split()
    done = subprocess.run([*compiler, *map(str, arguments)],
                          stdin=subprocess.DEVNULL,
                          capture_output=True,
                          text=True)
    if done.returncode:
        errors = [x for x in done.stderr.splitlines() if 'error' in x]
        raise RuntimeError((errors or [f'{compiler[0]} failed'])[0])
