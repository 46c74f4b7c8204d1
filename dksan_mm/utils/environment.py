# Copyright (c) DKSAN-MM contributors.
"""Processes as they are started: users without names, closed streams."""
import errno
import io
import os
import stat
import sys
import tempfile
from typing import Any

_FOLDER = 'dksan_mm'


def user_number() -> int | None:
    """Return the number of this process's user; None on Windows."""
    return os.getuid() if hasattr(os, 'getuid') else None


def name_user() -> None:
    """Make up what torch and others ask for: a user name and a home folder.

    Containers run under numbers that have no entry in the list of users, and
    torch ends with a traceback there. What exists is left as it is.
    """
    try:
        import pwd
    except ImportError:  # Windows names each user
        return
    number = os.getuid()
    try:
        entry: Any = pwd.getpwuid(number)
    except KeyError:
        entry = None
        # The first that getpass.getuser() looks at.
        os.environ.setdefault('LOGNAME', f'user{number}')
    home = os.environ.get('HOME') or (entry.pw_dir if entry else '')
    if not os.path.isdir(home):
        os.environ['HOME'] = private_folder()
    elif not os.access(home, os.W_OK):
        # matplotlib warns of it else, on every start.
        os.environ.setdefault('MPLCONFIGDIR', private_folder())


def private_folder() -> str:
    """A folder for temporary files that only this user can write to."""
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
    """A stream that ends nothing: what cannot be written is given up."""
    error: OSError | None = None

    def write(self, content: Any, /) -> int:
        """Write, or find out that this is not possible any more."""
        try:
            return super().write(content)
        except OSError as error:
            self.error = error
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
            return len(content)


def prepare_streams() -> None:
    """Let a tool's output end no run, whatever the streams are.

    Closed streams lead nowhere. Of a stream that cannot be written any more
    (a full disk, ``| head -1``) the rest is given up. Letters that a terminal
    has not are written as escapes.
    """
    if os.name == 'nt':  # whose consoles take letters, not bytes
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors='backslashreplace')
        return
    # No file that is opened later shall get the number of a closed stream.
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
        return stream  # somebody has replaced it, such as a test
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
        pass  # found out again at the next write


def lost_output() -> str:
    """Say that standard output is lost, '' if it is not.

    A reader that has seen enough (``| head -1``) has lost nothing.
    """
    if sys.stdout is not None:
        _flush(sys.stdout)
    raw = getattr(getattr(sys.stdout, 'buffer', None), 'raw', None)
    error = getattr(raw, 'error', None)
    if error is None or error.errno == errno.EPIPE:
        return ''
    return f'standard output could not be written: {error.strerror}'
