# Copyright (c) DKSAN-MM contributors.
"""Build `.venv` with all that the project needs; `make setup` runs this.

If the environment is up to date, it returns at once. After an interruption, it
continues where it stopped. It reads these environment variables:
XDG_CACHE_HOME (the wheel of mmcv is kept there), MMCV_CUDA (1 or 0: with or
without CUDA; by default, it looks for a GPU and nvcc), MAX_JOBS, CXX, CFLAGS
(for compiling mmcv), and those of pip and uv.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import setup_mmcv
from setup_process import (ROOT, NetworkError, SetupError, cache, lock,
                           log_file, run)

VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'dksan_mm-ready.json'
SITE = 'lib/python3*/site-packages'
INPUTS = ('requirements.txt', 'constraints.txt', 'setup.cfg', 'pyproject.toml',
          'tools/setup/setup_env.py', 'tools/setup/setup_mmcv.py',
          'tools/setup/setup_process.py', 'tools/setup/mmcv.txt')
VENV_DISK, BUILD_DISK = 7.0, 1.0  # GiB; measured for the first: 6.1
# Variables that would install packages outside of the environment.
HARMFUL = ('PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PYTHONHOME',
           'PYTHONPATH')
# The variable of uv for each setting of pip. Values may have several words.
_SETTINGS = {
    'index-url': 'UV_DEFAULT_INDEX',
    'extra-index-url': 'UV_INDEX',
    'find-links': 'UV_FIND_LINKS',
    'trusted-host': 'UV_INSECURE_HOST',
    'timeout': 'UV_HTTP_TIMEOUT',
    'default-timeout': 'UV_HTTP_TIMEOUT',
    'cert': 'SSL_CERT_FILE',
    'proxy': 'HTTPS_PROXY',
}


def pins() -> dict[str, str]:
    """Read the pinned versions from requirements.txt."""
    text = (ROOT / 'requirements.txt').read_text()
    return dict(re.findall(r'^([\w.-]+)==([^\s;#]+)', text, re.M))


def installed() -> list[str]:
    """List the packages with their versions, and mmcv's operators."""
    names = ('*.dist-info', 'mmcv/_ext*.so')
    return [
        path.name for name in names for path in VENV.glob(f'{SITE}/{name}')
    ]


def digest() -> str:
    """Hash the files that determine the environment."""
    content = b''.join((ROOT / name).read_bytes() for name in INPUTS)
    return hashlib.sha256(content).hexdigest()


def read_stamp() -> dict:
    """Read the stamp of a complete environment; {} if there is none."""
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def write_stamp(**stamp) -> None:
    """Record atomically that the environment is complete."""
    partial = STAMP.with_suffix('.partial')
    partial.write_text(json.dumps(stamp))
    partial.rename(STAMP)


def is_current() -> bool:
    """Return whether the environment is complete and up to date."""
    stamp = read_stamp()
    wish = os.getenv('MMCV_CUDA', '')
    return (stamp.get('digest') == digest() and stamp.get('path') == str(ROOT)
            and wish in ('', stamp['cuda']) and os.access(PYTHON, os.X_OK)
            and set(stamp['installed']) <= set(installed()))


def check_room(torch: str) -> None:
    """Check compiler and disk space before torch and mmcv are downloaded."""
    build = not setup_mmcv.is_any_kept(torch)
    if build:
        setup_mmcv.check_compiler()
    downloads = Path(os.environ['UV_CACHE_DIR'])
    downloads.mkdir(parents=True, exist_ok=True)
    fresh = not any(downloads.glob(f'archive-v*/*/torch-{torch}.dist-info'))
    # uv links files from its cache if the environment is on the same disk.
    same_disk = os.stat(downloads).st_dev == os.stat(ROOT).st_dev
    needs = {downloads: VENV_DISK * fresh + BUILD_DISK * build}
    needs[ROOT] = .5 if same_disk else VENV_DISK
    for folder, size in needs.items():
        free = shutil.disk_usage(folder).free / 2**30
        if free < size and not any(VENV.glob(f'{SITE}/torch')):
            raise SetupError(
                f'The set-up needs about {size:.1f} GiB of disk space for '
                f'{folder}, but only {free:.1f} GiB are free there: free some '
                'space, then run `make setup` again.')


def make_venv() -> None:
    """Create `.venv`, unless it is complete and runs this program."""
    version = f'Python 3.{sys.version_info.minor}'
    inside = VENV.exists() and os.path.samefile(sys.prefix, VENV)
    if inside and read_stamp().get('path') == str(ROOT):
        print(f'      {version}, exists already (`make clean` removes it)')
        return
    if VENV.is_symlink():
        raise SetupError('.venv is a link to an environment that is not this '
                         'project\'s: remove it, then run `make setup` again.')
    again = ', made again' if VENV.exists() else ''
    print(f'      {version}{again}', flush=True)
    VENV.mkdir(exist_ok=True)
    STAMP.unlink(missing_ok=True)
    python = os.path.realpath(sys.executable)  # outside of the replaced one
    run([python, '-m', 'venv', '--clear', VENV],
        'making the virtual environment')
    write_stamp(path=str(ROOT))


def uv_environment(listing: str) -> dict[str, str]:
    """Convert ``pip config list`` to uv's variables; existing ones win."""
    env = dict(os.environ)
    for section in (':env:', 'install', 'global'):
        pattern = rf'^{section}\.([\w-]+)=(.*)$'
        for name, value in re.findall(pattern, listing, re.M):
            if name in _SETTINGS:
                words = str(ast.literal_eval(value)).split()
                joint = ',' if name == 'find-links' else ' '
                env.setdefault(_SETTINGS[name], joint.join(words))
    # As in pip: every index is searched; exact pins make this safe.
    env.setdefault('UV_INDEX_STRATEGY', 'unsafe-best-match')
    # Where Python writes no bytecode (PYTHONDONTWRITEBYTECODE, as in many
    # images), every import of mmagic would compile its packages, for 12 s.
    env.setdefault('UV_COMPILE_BYTECODE', '1')
    return env


def install(arguments: list[str | Path], doing: str) -> None:
    """Install packages with uv, and uv itself with pip.

    The stamp is removed during the installation, which reveals interruptions.
    """
    stamp = read_stamp()
    STAMP.unlink(missing_ok=True)
    pip: list[str | Path] = [PYTHON, '-m', 'pip']
    uv = pins()['uv']
    try:
        if f'uv-{uv}.dist-info' not in installed():
            run([*pip, 'install', '--retries', '2', f'uv=={uv}'],
                'fetching uv')
        listing = subprocess.check_output([*pip, 'config', 'list'], text=True)
        run([PYTHON.with_name('uv'), 'pip', 'install', '-p', PYTHON] +
            arguments,
            doing,
            env=uv_environment(listing))
    except NetworkError:
        write_stamp(**stamp)
        raise
    write_stamp(**stamp)


def install_packages() -> None:
    """Install all pinned packages except mmcv."""
    versions = [
        f'{name}=={version}' for name, version in pins().items()
        if name != 'mmcv'
    ]
    install(['-c', ROOT / 'constraints.txt', *versions], 'installing packages')


def install_mmcv(target: setup_mmcv.Target) -> None:
    """Install mmcv's wheel, build it if necessary, and test it."""
    kept = target.wheel()
    wheel = setup_mmcv.build(PYTHON, target)
    install(['--no-deps', '--reinstall', wheel], 'installing mmcv')
    trouble = setup_mmcv.trouble(PYTHON, target)
    if trouble:
        wheel.unlink()
        if not kept:
            raise SetupError(f'mmcv was built but does not work: {trouble}.')
        print('      the cached wheel does not work here: building a new one')
        install_mmcv(target)


def set_up() -> None:
    """Run all steps; each is fast if it is already done."""
    log_file().write_text('')
    check_room(pins()['torch'])
    print(
        'Setting up .venv (once, about 3 GB to download).\n'
        '[1/4] virtual environment',
        flush=True)
    make_venv()
    print('[2/4] packages', flush=True)
    install_packages()
    print('[3/4] mmcv', flush=True)
    target = setup_mmcv.choose_target(PYTHON, os.getenv('MMCV_CUDA', ''))
    name = target.folder().name
    if read_stamp().get('mmcv') != name or setup_mmcv.trouble(PYTHON, target):
        install_mmcv(target)
    print('[4/4] the project itself', flush=True)
    install(['--no-deps', '--no-build-isolation', '-e', ROOT],
            'installing the project')
    write_stamp(
        digest=digest(),
        path=str(ROOT),
        mmcv=name,
        cuda=str(int(bool(target.arches))),
        installed=installed())


def main() -> int:
    """Set up, print a sentence about the result, return the exit code."""
    if is_current():
        return 0
    # A closed terminal or a time limit should end the steps cleanly, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        for name in HARMFUL:
            os.environ.pop(name, None)
        os.environ['XDG_CACHE_HOME'] = str(cache().parent)
        os.environ.setdefault('UV_CACHE_DIR', str(cache().parent / 'uv'))
        with lock():
            if not is_current():
                set_up()
                print('Set up.')
    except (SetupError, OSError) as error:
        # OSError: a read-only folder, for instance.
        cure = '; fix that, then run `make setup` again.'
        print(
            f'\nSet-up: {error}{cure * isinstance(error, OSError)}',
            file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            '\nSet-up: interrupted; `make setup` continues from here.',
            file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    if not sys.platform.startswith('linux'):
        sys.exit('Set-up: The set-up supports Linux only.')
    sys.exit(main())
