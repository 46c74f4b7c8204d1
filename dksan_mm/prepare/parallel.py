# Copyright (c) DKSAN-MM contributors.
"""Run a function over clips in several processes, with progress."""
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import resource_tracker
from typing import Any

from dksan_mm.utils.environment import (TERMINAL_SIGNALS,
                                        terminal_signals_blocked)
from dksan_mm.utils.progress import Progress

_shared: dict = {}


class Stopped(Exception):
    """The run was interrupted; raised inside the worker processes."""


def run_parallel(function: Callable[..., Any], tasks: Sequence[Any],
                 progress: Progress,
                 jobs: int) -> Generator[tuple[Any, Any], None, None]:
    """Call ``function(task, tick)`` for each task in worker processes.

    The function must call ``tick()`` after each frame, which counts it and
    raises :class:`Stopped` when the run is interrupted.

    Args:
        function (Callable): A module-level function.
        tasks (Sequence): First arguments of the calls.
        progress (Progress): Display to update while waiting.
        jobs (int): Number of processes.

    Yields:
        tuple: The task and the result of the function or, if it failed, the
        exception.
    """
    context = multiprocessing.get_context('spawn')
    if os.name != 'nt':
        with terminal_signals_blocked():  # of which SIGHUP would end it
            resource_tracker.ensure_running()
    counter, stop = context.Value('L', 0), context.Event()
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)), context, _start_worker,
        (counter, stop, os.getpid()))
    futures = {pool.submit(_call, function, task): task for task in tasks}
    waiting, done = set(futures), 0
    try:
        while waiting:
            finished, waiting = wait(
                waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                done += 1
                yield futures[future], future.exception() or future.result()
            progress.show(done, counter.value)
        progress.show(done, counter.value, last=True)
    finally:
        progress.close()
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(counter: Any, stop: Any, parent: int) -> None:
    for number in TERMINAL_SIGNALS:  # the parent stops the others
        signal.signal(number, signal.SIG_IGN)
    _shared.update(counter=counter, stop=stop, parent=parent)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    """End the worker, even an idle one, when the parent was killed."""
    while os.getppid() == _shared['parent']:
        time.sleep(0.5)
    os._exit(1)


def _call(function: Callable[..., Any], task: Any) -> Any:
    return function(task, _tick)


def _tick() -> None:
    if os.getppid() != _shared['parent']:
        os._exit(1)  # at once: the next run may already process this clip
    if _shared['stop'].is_set():
        raise Stopped
    with _shared['counter'].get_lock():
        _shared['counter'].value += 1
