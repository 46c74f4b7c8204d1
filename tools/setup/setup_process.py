# Copyright (c) DKSAN-MM contributors.
"""What the set-up's steps share: errors, locks, disk, watched commands."""

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence

try:
    import fcntl
except ImportError:  # not Linux; setup_env.py says so
    fcntl = None

PLAIN_PERIOD = 15  # s between two lines where the output is no terminal
GIB = 1024**3

_held_locks: List[int] = []


class SetupError(Exception):
    """The set-up cannot go on; the text is the sentence for the user."""


class NetworkError(SetupError):
    """Something could not be downloaded; nothing was installed."""


class CommandError(Exception):
    """A command failed.

    Args:
        tail (list[str]): The last lines that it printed.
    """

    def __init__(self, tail: List[str]) -> None:
        super().__init__('\n'.join(tail))
        self.tail = tail


def clock(seconds: float) -> str:
    """Write a duration as ``m:ss``."""
    return '{}:{:02d}'.format(*divmod(int(seconds), 60))


class StatusLine:
    """One line about a running step: refreshed, or repeated in a log."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = self._start
        self._width = 0

    def show(self, text: str) -> None:
        """Show ``text`` with the time gone, not too often in a log."""
        now = time.monotonic()
        line = '      {}  {}'.format(clock(now - self._start), text)
        if sys.stdout.isatty():
            line = line[:shutil.get_terminal_size().columns - 1]
            print('\r' + line.ljust(self._width), end='', flush=True)
            self._width = len(line)
        elif now - self._shown >= PLAIN_PERIOD:
            self._shown = now
            print(line, flush=True)

    def close(self) -> None:
        """Wipe the refreshed line."""
        if self._width:
            print('\r' + ' ' * self._width + '\r', end='', flush=True)


def _stop(process: subprocess.Popen) -> None:
    """End a command together with what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            return


def _lines(process: subprocess.Popen) -> Iterator[Optional[str]]:
    """Yield a command's lines as they come; None each silent second."""
    lines: 'queue.Queue[Optional[str]]' = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


def run(command: Sequence[object],
        log: Path,
        status: Callable[[str], Optional[str]],
        env: Optional[Dict[str, str]] = None,
        cwd: Optional[Path] = None) -> None:
    """Run a command, its output in a file and its progress on one line.

    Args:
        command (Sequence): The program and its arguments.
        log (Path): File that the output is appended to.
        status (callable): Makes the progress text of an output line; None
            keeps the text shown before.
        env (dict): The environment, instead of this process's.
        cwd (Path): Folder to run in.

    Raises:
        CommandError: If the command fails.
    """
    # The command inherits the locks: should this process be killed, the next
    # set-up waits for it instead of working in the same files.
    process = subprocess.Popen([str(part) for part in command],
                               stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               env=env,
                               cwd=str(cwd) if cwd else None,
                               universal_newlines=True,
                               encoding='utf-8',
                               errors='replace',
                               start_new_session=True,
                               pass_fds=_held_locks)
    tail: List[str] = []
    text = 'preparing'
    line_shown = StatusLine()
    try:
        with open(str(log), 'a', encoding='utf-8') as out:
            for line in _lines(process):
                if line is not None:
                    out.write(line + '\n')
                    out.flush()
                    tail = tail[-39:] + [line]
                    text = status(line) or text
                line_shown.show(text)
        code = process.wait()
    except BaseException:
        _stop(process)
        raise
    finally:
        line_shown.close()
    if code:
        raise CommandError(tail)


@contextlib.contextmanager
def lock(path: Path, waiting: str, log: Optional[Path] = None) -> Iterator:
    """Hold a file's lock, after waiting for whoever has it.

    Args:
        path (Path): An existing file.
        waiting (str): What to say when another process holds it.
        log (Path): Its last line is shown while waiting.
    """
    handle = os.open(str(path), os.O_RDWR)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            _wait_for(handle, waiting, log)
        _held_locks.append(handle)
        yield
    finally:
        if handle in _held_locks:
            _held_locks.remove(handle)
        os.close(handle)


def _wait_for(handle: int, waiting: str, log: Optional[Path]) -> None:
    status = None
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if status is None:
                status = StatusLine()
                print('      ' + waiting, flush=True)
            status.show(last_line(log))
            time.sleep(1)
            continue
        if status is not None:
            status.close()
        return


def last_line(log: Optional[Path]) -> str:
    """Read a log's last line, or ninja's count in it ('': none yet)."""
    try:
        with open(str(log), 'rb') as file:
            file.seek(max(0, os.path.getsize(str(log)) - 8192))
            lines = file.read().decode('utf-8', 'replace').splitlines()
    except (OSError, TypeError):
        return ''
    line = lines[-1] if lines else ''
    count = re.match(r'\[\d+/\d+\]', line)
    return f'{count.group()} files compiled' if count else line[:60]


def existing_parent(path: Path) -> Path:
    """Return the folder nearest to ``path`` that exists."""
    while not path.exists():
        path = path.parent
    return path


def check_disk(needs: Sequence) -> None:
    """Check for room before anything is written.

    Args:
        needs (Sequence[tuple[Path, float]]): Folders, to be made or there,
            and how many GiB each will take; those on one disk add up.

    Raises:
        SetupError: If a disk has less.
    """
    totals: Dict[int, List] = {}
    for folder, size in needs:
        place = existing_parent(Path(folder))
        total = totals.setdefault(os.stat(str(place)).st_dev, [folder, 0.])
        total[1] += size
    for folder, size in totals.values():
        free = shutil.disk_usage(str(existing_parent(Path(folder)))).free / GIB
        if free < size:
            raise SetupError(
                'The set-up needs about {:.1f} GiB of disk for {}, and {:.1f} '
                'GiB are free there: make room, then run `make setup` '
                'again.'.format(size, folder, free))


# What the programs used here print, in lower case.
_NETWORK = ('failed to establish a new connection', 'name resolution',
            'connection refused', 'network is unreachable', 'dns error',
            'client error (connect)', 'connection error', 'no route to host',
            'connection timed out', 'connect timeout', 'read timed out',
            'operation timed out', 'tls handshake', 'connecttimeouterror',
            'connection reset', 'error sending request')
_DISK = ('no space left on device', 'disk quota exceeded')


def is_network(error: CommandError) -> bool:
    """Tell whether a command failed because an address was out of reach."""
    text = '\n'.join(error.tail).lower()
    return any(sign in text for sign in _NETWORK)


def explain(error: CommandError, log: Path, doing: str) -> SetupError:
    """Turn a failed command into a sentence that says what to do."""
    text = '\n'.join(error.tail).lower()
    if any(sign in text for sign in _DISK):
        return SetupError(
            'The disk became full while {}: make room, then run `make setup` '
            'again (details: {}).'.format(doing, log))
    if is_network(error):
        return NetworkError(
            'The package index could not be reached while {}: check the '
            'network or pip\'s index and proxy settings, then run `make '
            'setup` again (details: {}).'.format(doing, log))
    last = '\n'.join('  ' + line for line in error.tail[-15:])
    return SetupError('Something failed while {}; these are the last lines of '
                      '{}:\n{}'.format(doing, log, last))
