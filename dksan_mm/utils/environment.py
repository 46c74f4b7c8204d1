# Copyright (c) DKSAN-MM contributors.
"""Environments of a process: users without names, closed streams."""
import errno
import io
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Ctrl-C and a closed terminal reach every process of a tool, and one of them
#: ends the others.
TERMINAL_SIGNALS = [
    getattr(signal, name) for name in ('SIGINT', 'SIGHUP')
    if hasattr(signal, name)  # Windows has no SIGHUP
]
_FOLDER = 'dksan_mm'


@contextmanager
def terminal_signals_blocked() -> Iterator[None]:
    """Block a terminal's signals; processes started inside never get them."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def user_number() -> int | None:
    """Return the user ID of this process; None on Windows."""
    return os.getuid() if hasattr(os, 'getuid') else None


def name_user() -> None:
    """Set the user name and the home folder that torch and others ask for.

    Containers may run under a user ID without an entry in the user database,
    for which torch ends with a traceback. Existing values are kept.
    """
    try:
        import pwd
    except ImportError:  # Windows names every user
        return
    number = os.getuid()
    try:
        entry: Any = pwd.getpwuid(number)
    except KeyError:
        entry = None
        # The first variable that getpass.getuser() reads.
        os.environ.setdefault('LOGNAME', f'user{number}')
    home = os.environ.get('HOME') or (entry.pw_dir if entry else '')
    if not os.path.isdir(home):
        os.environ['HOME'] = private_folder()
    elif not os.access(home, os.W_OK):
        # Otherwise matplotlib warns on every start.
        os.environ.setdefault('MPLCONFIGDIR', private_folder())


def private_folder() -> str:
    """Return a temporary folder that only this user can write to."""
    number = user_number()
    path = os.path.join(tempfile.gettempdir(), f'{_FOLDER}-{number}')
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == number \
                and not status.st_mode & 0o022:
            return path
    except OSError:
        pass
    return tempfile.mkdtemp(prefix=f'{_FOLDER}-')


class _Output(io.FileIO):
    """A stream that drops output which cannot be written."""
    error: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write, and drop all further output after an error."""
        try:
            return super().write(content)
        except OSError as error:
            self.error = error
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            return len(content)


def prepare_streams() -> None:
    """Keep output errors from ending the run of a tool.

    Output to closed streams is dropped, and so is the rest of a stream that
    fails (a full disk, ``| head -1``). Characters that a terminal cannot
    encode are escaped.
    """
    if os.name == 'nt':  # whose consoles take characters, not bytes
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors='backslashreplace')
        return
    # No file opened later may get the number of a closed stream.
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
        os.set_inheritable(number, True)
    sys.stdout = _prepared(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _prepared(sys.stderr, sys.__stderr__, 2)


def _prepared(stream: Any, original: Any, number: int) -> Any:
    if stream is not None and stream is not original:
        return stream  # replaced by somebody else, such as a test
    if stream is not None and isinstance(
            getattr(stream.buffer, 'raw', None), _Output):
        return stream
    encoding = stream.encoding if stream is not None else 'utf-8'
    if stream is not None:
        _flush(stream)
    raw = _Output(number, 'w', closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors='backslashreplace',
        line_buffering=number == 2 or raw.isatty()
        or bool(stream is not None and stream.line_buffering),
        write_through=number == 2)


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except OSError:
        pass  # the next write fails as well


def lost_output() -> str:
    """Return a message if standard output was lost, else ''.

    A closed pipe (``| head -1``) does not count.
    """
    if sys.stdout is not None:
        _flush(sys.stdout)
    raw = getattr(getattr(sys.stdout, 'buffer', None), 'raw', None)
    error = getattr(raw, 'error', None)
    if error is None or error.errno == errno.EPIPE:
        return ''
    return f'standard output could not be written: {error.strerror}'
