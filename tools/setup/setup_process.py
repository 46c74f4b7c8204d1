# Copyright (c) DKSAN-MM contributors.
"""Run the set-up's commands, one set-up at a time, with visible progress."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN_PERIOD = 15  # s between two lines if the output is not a terminal


class SetupError(Exception):
    """The set-up cannot continue; the text is the message for the user."""


class NetworkError(SetupError):
    """Something could not be downloaded; nothing was installed."""


# Messages of the programs used here, in lower case.
_CAUSES = [
    (SetupError, r'no space left on device|disk quota exceeded',
     'The disk is full: free some space'),
    (SetupError, r'ensurepip is not|no module named (venv|ensurepip)',
     'Python\'s venv module is incomplete here: install it (Debian, Ubuntu: '
     '`sudo apt install python3-venv`, or pythonX.Y-venv of that version)'),
    (NetworkError, r'connection (error|refused|reset|timed out)|dns error|'
     r'(connect|read|operation) ?time(d |)out|name resolution|new connection|'
     r'(network|host) (is )?unreachable|no route to host|client error \(conn|'
     r'tls handshake|error sending request',
     'The package index could not be reached: check the network or pip\'s '
     'index and proxy settings'),
]


def cache() -> Path:
    """Return the user's cache folder, or the project's without a home."""
    base = os.getenv('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    usable = os.path.isabs(base)
    if usable:
        with contextlib.suppress(OSError):
            os.makedirs(base, exist_ok=True)
        usable = os.access(base, os.W_OK)
    folder = (Path(base) if usable else ROOT / 'build') / 'dksan_mm'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log_file() -> Path:
    """Return the log file of the commands' output."""
    return cache() / 'setup.log'


def explain(output: str, doing: str) -> SetupError:
    """Turn the output of a failed command into advice for the user."""
    for kind, signs, cure in _CAUSES:
        if re.search(signs, output.lower()):
            return kind(f'{cure}, then run `make setup` again (it happened '
                        f'while {doing}; details: {log_file()}).')
    last = '\n'.join('  ' + line for line in output.splitlines()[-15:])
    return SetupError(f'Something failed while {doing} (`make clean setup` '
                      f'starts over); the last lines of {log_file()}:\n{last}')


def status(gone: float) -> str:
    """Format the elapsed time and the last line of the log."""
    lines = log_file().read_text(errors='replace').splitlines()
    text = re.sub(r'\S*://\S*', '', lines[-1] if lines else '')[:70]
    count = re.match(r'\[(\d+)/(\d+)\]', text)  # ninja's
    if count:
        done, total = map(int, count.groups())
        left = f', about {gone / done * (total - done) / 60:.0f} min left'
        # The rate of the first few files is not meaningful.
        text = f'{done} of {total} files compiled{left * (done > 5)}'
    return f'      {gone // 60:.0f}:{gone % 60:02.0f}  {text}'


def watch(is_done: Callable[[], bool]) -> None:
    """Show progress until the process ends: one line, or a few in a file."""
    start, shown, terminal = time.monotonic(), 0., sys.stdout.isatty()
    try:
        while not is_done():
            gone = time.monotonic() - start
            if terminal:
                width = shutil.get_terminal_size().columns - 1
                print('\r\033[K' + status(gone)[:width], end='', flush=True)
            elif gone - shown >= PLAIN_PERIOD:
                shown = gone
                print(status(gone), flush=True)
            time.sleep(.3)
    finally:
        print('\r\033[K' if terminal else '', end='', flush=True)


def run(command: list, doing: str, **options) -> None:
    """Run a command; on failure raise an error that names ``doing``.

    ``options`` are those of ``subprocess.Popen``. Children of a killed set-up
    keep its lock, for which ``close_fds`` is off.
    """
    with open(log_file(), 'ab') as out:
        start = out.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=False,
            **options)
    try:
        watch(lambda: process.poll() is not None)
    except BaseException:
        # On SIGTERM, ninja ends its compilers, which have their own groups.
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        output = log_file().read_bytes()[start:].decode(errors='replace')
        raise explain(output, doing)


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Hold the lock on set-ups of this user; wait for it if necessary."""
    with open(cache() / 'lock', 'w') as file:
        os.set_inheritable(file.fileno(), True)

        def is_held() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:  # the file system has no locks
                pass
            return True

        if not is_held():
            print('Another set-up is running: waiting for it.', flush=True)
            watch(is_held)
        yield
