# Copyright (c) DKSAN-MM contributors.
"""The steps of the set-up; `setup_env.py` picks the Python for them."""

import hashlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Dict, List

import setup_compiler
import setup_mmcv
import setup_packages
from setup_env import SUPPORTED, version_of
from setup_process import (NetworkError, SetupError, check_disk, clock,
                           existing_parent, lock)

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'dksan_mm-ready.json'
INSTALLING = VENV / 'dksan_mm-installing'
LOG = VENV / 'dksan_mm-setup.log'
INPUTS = ('requirements.txt', 'constraints.txt', 'setup.cfg', 'pyproject.toml',
          'tools/setup/setup_env.py', 'tools/setup/setup_compiler.py',
          'tools/setup/setup_steps.py', 'tools/setup/setup_mmcv.py',
          'tools/setup/setup_packages.py', 'tools/setup/setup_process.py')
FIRST = ': torch, mmengine, mmagic, ... (about 3 GB to download, once)'
VENV_DISK = 7.0  # GiB; 6.1 were measured


def pins() -> Dict[str, str]:
    """Read the pinned versions from requirements.txt."""
    text = (ROOT / 'requirements.txt').read_text(encoding='utf-8')
    return dict(re.findall(r'^([\w.-]+)==([^\s;#]+)', text, re.M))


def digest() -> str:
    """Sum up the files that decide what the environment holds."""
    content = b''.join((ROOT / name).read_bytes() for name in INPUTS)
    return hashlib.sha256(content).hexdigest()


def installed() -> Dict[str, List[str]]:
    """List the environment's packages without starting its Python."""
    found: Dict[str, List[str]] = {}
    for folder in VENV.glob('lib/python3*/site-packages/*.dist-info'):
        name, _, version = folder.name[:-len('.dist-info')].partition('-')
        name = re.sub(r'[-_.]+', '-', name).lower()
        found.setdefault(name, []).append(version)
    return found


def missing() -> List[str]:
    """Name the pinned packages that are missing or of another version."""
    there = installed()
    wrong = [
        name for name, version in pins().items()
        if there.get(name) != [version] and name != 'uv'
    ]
    operators = VENV.glob('lib/python3*/site-packages/mmcv/_ext*.so')
    if 'mmcv' not in wrong and not any(operators):
        wrong.append('mmcv')
    if 'dksan-mm' not in there:
        wrong.append('dksan-mm')
    return wrong


def read_stamp() -> Dict:
    """Read what the last complete set-up noted down ({}: there is none)."""
    try:
        return json.loads(STAMP.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}


def is_current() -> bool:
    """Tell whether nothing is left to do."""
    stamp = read_stamp()
    wish = os.environ.get('MMCV_CUDA', '')
    return (stamp.get('digest') == digest() and stamp.get('path') == str(ROOT)
            and wish in ('', stamp.get('cuda'))
            and os.access(str(PYTHON), os.X_OK) and not INSTALLING.exists()
            and not missing())


def check_room(torch: str) -> None:
    """Check disks and compiler before anything is downloaded or written.

    Args:
        torch (str): Its pinned version.
    """
    tag = setup_mmcv.python_tag(f'3.{sys.version_info.minor}')
    needs = []
    if not setup_mmcv.has_any_wheel(tag, torch):
        setup_compiler.check_compiler()
        needs.append((setup_mmcv.cache_root(), setup_mmcv.BUILD_DISK))
    if 'torch' not in installed():
        needs += venv_needs(torch)
    check_disk(needs)


def venv_needs(torch: str) -> List:
    """Return where and how many GiB a new environment takes.

    Args:
        torch (str): Its pinned version.
    """
    cache = setup_packages.uv_cache()
    # uv links the files of its cache into environments on the same disk.
    same_disk = device_of(cache) == device_of(VENV)
    cached = any(cache.glob(f'archive-v*/*/torch-{torch}.dist-info'))
    needs = []
    if not cached:
        needs.append((cache, VENV_DISK))
    if not same_disk:
        needs.append((VENV, VENV_DISK))
    return needs or [(VENV, 0.5)]


def device_of(path: Path) -> int:
    """Return the disk that a path, to be made or there, lies on."""
    return os.stat(str(existing_parent(path))).st_dev


def ensure_venv() -> None:
    """Make `.venv`, unless a whole one is there."""
    version = version_of(str(PYTHON))
    moved = read_stamp().get('path', str(ROOT)) != str(ROOT)
    if INSTALLING.exists():
        print('      the last set-up was cut off while it installed: anew')
    elif moved:
        print('      the project was moved: anew')
    elif setup_packages.is_usable(VENV, SUPPORTED, version):
        print(
            f'      Python {version}, there already (`make clean` first, for '
            'another)',
            flush=True)
        return
    elif VENV.exists():
        print('      .venv is incomplete: anew')
    setup_packages.make(sys.executable, VENV)
    print(f'      Python {version_of(str(PYTHON))}', flush=True)


def install_packages(installer: setup_packages.Installer) -> None:
    """Install all pinned packages but mmcv."""
    wanted = pins()
    uv = wanted.pop('uv')
    wanted.pop('mmcv')
    arguments = ['-c', str(ROOT / 'constraints.txt')]
    arguments += [f'{name}=={version}' for name, version in wanted.items()]
    INSTALLING.touch()
    try:
        installer.prepare(uv)
        installer.install(arguments, 'installing packages')
    except NetworkError:
        INSTALLING.unlink()
        raise
    INSTALLING.unlink()


def install_mmcv(installer: setup_packages.Installer,
                 target: setup_compiler.Target) -> None:
    """Install mmcv's wheel, built where need be, and try it.

    Raises:
        SetupError: If what was built does not work.
    """
    tag = setup_mmcv.python_tag(version_of(str(PYTHON)))
    folder = setup_mmcv.cache_root() / setup_mmcv.folder_name(target, tag)
    kept = setup_mmcv.find_wheel(folder) is not None
    wheel = setup_mmcv.build(PYTHON, folder, target)
    installer.install(['--no-deps', '--force-reinstall',
                       str(wheel)], 'installing mmcv')
    trouble = setup_mmcv.trouble(PYTHON, target)
    if not trouble:
        return
    wheel.unlink()
    if not kept:
        raise SetupError(f'mmcv was built and does not work: {trouble} (see '
                         f'{folder / "build.log"}).')
    print('      the wheel kept from before does not work here: anew')
    install_mmcv(installer, target)


def set_up() -> None:
    """Go through all the steps; each is quick where it is done already."""
    torch = pins()['torch']
    check_room(torch)
    print('Setting up .venv (once; from then on this takes no second).')
    print('[1/4] virtual environment', flush=True)
    ensure_venv()
    stamp = read_stamp()
    STAMP.unlink(missing_ok=True)
    installer = setup_packages.Installer(PYTHON, LOG)
    print(
        f'[2/4] packages{"" if "torch" in installed() else FIRST}', flush=True)
    install_packages(installer)
    print('[3/4] mmcv', flush=True)
    target = setup_compiler.choose_target(PYTHON,
                                          os.environ.get('MMCV_CUDA', ''))
    if stamp.get('mmcv') == list(target) and 'mmcv' not in missing():
        print('      there already', flush=True)
    else:
        install_mmcv(installer, target)
    print('[4/4] the project itself', flush=True)
    installer.install(['--no-deps', '--no-build-isolation', '-e',
                       str(ROOT)], 'installing the project')
    write_stamp(target)


def write_stamp(target: setup_compiler.Target) -> None:
    """Note down, in one piece, that the set-up is complete."""
    left = missing()
    if left:
        raise SetupError(f'After the set-up these are not as pinned: '
                         f'{", ".join(left)}; run `make clean setup`.')
    stamp = dict(
        digest=digest(),
        path=str(ROOT),
        mmcv=list(target),
        cuda='1' if target.arches else '0')
    partial = STAMP.with_suffix('.partial')
    partial.write_text(json.dumps(stamp), encoding='utf-8')
    os.replace(str(partial), str(STAMP))


def main() -> int:
    """Set up, and say in a sentence how it went; returns the exit code."""
    if is_current():
        return 0
    start = time.monotonic()
    # A terminal that is closed, or a time limit, ends the steps cleanly too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        waiting = 'Another set-up is at work in this folder: waiting for it.'
        with lock(Path(__file__).resolve(), waiting, LOG):
            if not is_current():
                set_up()
    except SetupError as error:
        print(f'\nSet-up: {error}', file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that is read-only, ...
        print(
            f'\nSet-up: {error}; mend that, then run `make setup` again.',
            file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            '\nSet-up: cut off; `make setup` goes on from here.',
            file=sys.stderr)
        return 130
    print(f'Set up in {clock(time.monotonic() - start)} min.')
    return 0
