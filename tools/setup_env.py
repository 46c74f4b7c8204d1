# Copyright (c) DKSAN-MM contributors.
"""Build `.venv` with all that the project needs; `make setup` runs this.

    python3 tools/setup_env.py

Nothing but Python's standard library is needed. Run again, it returns at once
where the environment is up to date, and goes on where it was cut off. The
variables it reads: XDG_CACHE_HOME (where mmcv's wheel is kept), MMCV_CUDA (1
or 0: with CUDA or without; else it looks for a GPU and nvcc), MAX_JOBS and
CXX (for compiling mmcv) and pip's own, for the package index.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

import setup_compiler
import setup_mmcv
import setup_packages
from setup_process import SetupError, check_disk, clock, existing_parent, lock

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'dksan_mm-ready.json'
INSTALLING = VENV / 'dksan_mm-installing'
LOG = VENV / 'dksan_mm-setup.log'
INPUTS = ('requirements.txt', 'constraints.txt', 'setup.cfg', 'pyproject.toml',
          'tools/setup_env.py', 'tools/setup_compiler.py',
          'tools/setup_mmcv.py', 'tools/setup_packages.py',
          'tools/setup_process.py')
SUPPORTED = ('3.11', '3.12', '3.10')  # in the order of preference
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
    found = {}  # type: Dict[str, List[str]]
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


def version_of(python: str) -> str:
    """Return an interpreter's ``major.minor`` ('' where it does not run)."""
    code = 'import sys; print("%d.%d" % sys.version_info[:2])'
    try:
        return subprocess.run([python, '-c', code],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL,
                              universal_newlines=True).stdout.strip()
    except OSError:
        return ''


def use_supported_python() -> None:
    """Go on under a supported Python, or say which ones there are.

    Raises:
        SetupError: If there is none.
    """
    here = '%d.%d' % sys.version_info[:2]
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if here in SUPPORTED and not inside:
        return
    if here in SUPPORTED:
        # An environment cannot rebuild itself while it runs.
        base = getattr(sys, '_base_executable', None) or sys.executable
        candidates = [str(Path(base).resolve())]
    else:
        candidates = ['python' + version for version in SUPPORTED]
    for name in candidates:
        python = shutil.which(name)
        if python and version_of(python) in SUPPORTED:
            if not inside:
                print(
                    'Python {} is not supported: taking {}.'.format(
                        here, python),
                    flush=True)
            os.execv(python, [python] + sys.argv)
    raise SetupError(
        'This is Python {}, and the project needs 3.10, 3.11 or 3.12: install '
        'one and run `make setup PYTHON=/path/to/it`.'.format(here))


def check_room(torch: str) -> None:
    """Check disks and compiler before anything is downloaded or written.

    Args:
        torch (str): Its pinned version.
    """
    tag = setup_mmcv.python_tag('%d.%d' % sys.version_info[:2])
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
    cached = any(cache.glob('archive-v*/*/torch-{}.dist-info'.format(torch)))
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
        print('      Python {}, there already'.format(version), flush=True)
        return
    elif VENV.exists():
        print('      .venv is incomplete: anew')
    setup_packages.make(sys.executable, VENV)
    print('      Python {}'.format(version_of(str(PYTHON))), flush=True)


def install_packages(installer: setup_packages.Installer) -> None:
    """Install all pinned packages but mmcv."""
    wanted = pins()
    INSTALLING.touch()
    installer.prepare(wanted.pop('uv'))
    wanted.pop('mmcv')
    constraints = ['-c', str(ROOT / 'constraints.txt')]
    installer.install(
        constraints + ['=='.join(pin) for pin in sorted(wanted.items())],
        'installing packages')
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
        raise SetupError('mmcv was built and does not work (see {}): '
                         '{}'.format(folder / 'build.log', trouble))
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
    STAMP.unlink() if STAMP.exists() else None
    installer = setup_packages.Installer(PYTHON, LOG)
    print(
        '[2/4] packages: torch, mmengine, mmagic and what they need (about '
        '3 GB to download, once)',
        flush=True)
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
        raise SetupError('After the set-up these are not as pinned: {}; `make '
                         'clean`, then `make setup`.'.format(', '.join(left)))
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
        if not sys.platform.startswith('linux'):
            raise SetupError('The set-up knows Linux only.')
        use_supported_python()
        waiting = 'Another set-up is at work in this folder: waiting for it.'
        with lock(Path(__file__).resolve(), waiting, LOG):
            if not is_current():
                set_up()
    except SetupError as error:
        print('\nSet-up: {}'.format(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            '\nSet-up: cut off; `make setup` goes on from here.',
            file=sys.stderr)
        return 130
    print('Set up in {} min.'.format(clock(time.monotonic() - start)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
