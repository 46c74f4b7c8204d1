# Copyright (c) DKSAN-MM contributors.
"""Runs of tools: exit codes and one-sentence messages."""
import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from logging import FileHandler
from pathlib import Path

from .allocator import keep_freed_memory
from .environment import lost_output, prepare_streams
from .errors import UserError, name_file
from .threads import MAX_THREADS

# Errors of a run, not of its settings; Windows has no quotas.
_OF_DISKS = {
    errno.ENOSPC, errno.EFBIG, errno.EIO,
    getattr(errno, 'EDQUOT', errno.ENOSPC)
}
# Messages of torch, on a GPU and on the CPU, and of Python, whose threads also
# need memory.
_NO_MEMORY = re.compile("out of memory|can't allocate memory|"
                        "not enough memory|can't start new thread")
Main = Callable[[Sequence[str] | None], int | None]


def run_tool(main: Main,
             argv: Sequence[str] | None = None,
             *,
             when_interrupted: str = 'interrupted') -> int:
    """Run a tool and report what the user can fix in one sentence.

    Args:
        main (Callable): The tool, called with the arguments; None is 0.
        argv (Sequence[str], optional): Arguments; None for the process's.
        when_interrupted (str): Message on Ctrl-C, unless the
            ``KeyboardInterrupt`` has its own.

    Returns:
        int: The tool's own exit code; 2 after a :class:`UserError`, an error
        in data or settings (``OSError``, ``ValueError``) or in the
        installation (``ImportError``); 1 if the memory is too small or the
        disk full; 130 when interrupted.
    """
    _let_threads_sleep()
    keep_freed_memory()
    prepare_streams()
    try:
        return _run(main, argv, when_interrupted)
    finally:
        if lost_output():
            _complain(lost_output())


def _run(main: Main, argv: Sequence[str] | None, when_interrupted: str) -> int:
    try:
        check_working_folder()
        check_thread_variable()
        return main(argv) or 0
    except UserError as error:
        _complain(str(error))
        return _code(error)
    except KeyboardInterrupt as stop:
        _complain(str(stop) or when_interrupted)
        return 130
    except (OSError, ValueError) as error:
        _complain(f'{last_sentence(error)}{log_traceback()}')
        return _code(error)
    except ImportError as error:
        return _complain(f'{_module_of(error)}cannot be loaded, because '
                         'memory is short or the installation is incomplete: '
                         f'{last_line(error)}{log_traceback()}')
    except Exception as error:
        if is_out_of_memory(error):
            _complain(f'not enough memory: {first_line(error)}'
                      f'{log_traceback()}')
            return 1
        # A wrong setting may cause any error anywhere.
        if '--cfg-options' not in (sys.argv if argv is None else argv):
            raise
        return _complain(f'with these --cfg-options: {type(error).__name__}: '
                         f'{last_line(error)}{log_traceback()}')


def _code(error: Exception) -> int:
    """Return 1 if the run failed at a disk, 2 if its input was wrong."""
    numbers = {
        getattr(reason, 'errno', None)
        for reason in (error, error.__cause__)
    }
    return 1 if numbers & _OF_DISKS else 2


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory is too small.

    torch has an exception for GPUs, but raises a RuntimeError on the CPU.
    """
    return isinstance(error, MemoryError) or isinstance(
        error, RuntimeError) and bool(_NO_MEMORY.search(str(error)))


def _module_of(error: ImportError) -> str:
    # Others name a part of a package, or a library that the system lacks.
    missing = isinstance(error, ModuleNotFoundError) and error.name
    return f'{error.name} ' if missing else 'a package '


def check_working_folder() -> None:
    """Reject a working folder that was removed; libraries abort there.

    Raises:
        UserError: If it does not exist any more.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise UserError('the folder in which this command runs does not '
                        f'exist any more ({error.strerror}): change to '
                        'another one') from error


def check_thread_variable() -> None:
    """Reject more threads than OpenMP, whose library would abort, can start.

    Raises:
        UserError: If ``OMP_NUM_THREADS`` is more than ``MAX_THREADS``.
    """
    count = os.environ.get('OMP_NUM_THREADS', '')
    if count.isdecimal() and int(count) > MAX_THREADS:
        raise UserError(f'OMP_NUM_THREADS must be at most {MAX_THREADS}, got '
                        f'{count}')


def last_sentence(error: Exception) -> str:
    """Return an error as one sentence that the user can act on.

    Args:
        error (Exception): A system error, or one with its own text.
    """
    return name_file(error) or last_line(error)


def _let_threads_sleep() -> None:
    """Let OpenMP's waiting threads sleep after a short spin.

    By default they spin for long: harmless on an idle machine, but if other
    programs use the cores, a training step on two cores became up to seven
    times slower. OpenMP reads the variable once, when torch is loaded.
    """
    os.environ.setdefault('GOMP_SPINCOUNT', '1000')


def _complain(sentence: str) -> int:
    print(f'{Path(sys.argv[0]).name}: {sentence}', file=sys.stderr)
    return 2


def log_traceback() -> str:
    """Log the traceback and return the path of the log, or ''."""
    logging = sys.modules.get('mmengine.logging')
    if logging is None:
        return ''
    for handler in logging.MMLogger.get_current_instance().handlers:
        if isinstance(handler, FileHandler) and handler.stream is not None:
            handler.stream.write(traceback.format_exc())
            handler.flush()
            return f' (traceback in {handler.baseFilename})'
    return ''


def first_line(error: BaseException) -> str:
    """Return the first line of an error, or its type."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def last_line(error: BaseException) -> str:
    """Return the last line of an error, even of a loader's worker."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
