# Copyright (c) DKSAN-MM contributors.
"""Run a function over clips in several processes, with progress."""
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

_shared: dict = {}


class Stopped(Exception):
    """The run was asked to stop; raised inside the worker processes."""


class Progress:
    """A line that says how far, how fast, and how long still.

    Args:
        label (str): What is being done.
        clips (int): Clips in all.
        frames (int): Estimated frames in all, 0 if unknown.
    """

    def __init__(self, label: str, clips: int, frames: int) -> None:
        self.label = label
        self.clips = clips
        self.frames = frames
        self.start = time.monotonic()
        self.tty = sys.stdout.isatty()
        self.shown = self.start

    def show(self, clips: int, frames: int, *, last: bool = False) -> None:
        """Print the state; outside a terminal a line every 5 seconds."""
        now = time.monotonic()
        if not (self.tty or last or now - self.shown >= 5):
            return
        self.shown = now
        rate = frames / max(now - self.start, 1e-6)
        line = f'{self.label}: {clips}/{self.clips} clips'
        if frames:
            line += (f', {frames}/{max(self.frames, frames)} frames, '
                     f'{rate:.{1 if rate >= 1 else 3}f} frames/s')
        if self.frames > frames and rate > 0 and not last:
            left = round((self.frames - frames) / rate)
            line += f', about {left // 60}:{left % 60:02d} min left'
        end = '\n' if last or not self.tty else ''
        start = '\r\x1b[K' if self.tty else ''
        print(start + line, end=end, flush=True)


def run_parallel(function: Callable[..., Any], tasks: Sequence[Any],
                 progress: Progress, jobs: int) -> Iterator[tuple[Any, Any]]:
    """Call ``function(task, tick)`` for each task in worker processes.

    ``tick()`` is to be called after each frame: it counts, and raises
    :class:`Stopped` when the run is interrupted.

    Args:
        function (Callable): A module-level function.
        tasks (Sequence): Its first arguments.
        progress (Progress): Shown while waiting.
        jobs (int): Number of processes.

    Yields:
        tuple: The task and what the function returned or, if it failed, the
        exception.
    """
    context = multiprocessing.get_context('spawn')
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
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(counter: Any, stop: Any, parent: int) -> None:
    # Ctrl-C reaches every process of the group; the parent stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared.update(counter=counter, stop=stop, parent=parent)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    """End an idle worker, too, when the parent was killed."""
    while os.getppid() == _shared['parent']:
        time.sleep(0.5)
    os._exit(1)


def _call(function: Callable[..., Any], task: Any) -> Any:
    return function(task, _tick)


def _tick() -> None:
    if os.getppid() != _shared['parent']:
        os._exit(1)  # at once: the next run may already be at this clip
    if _shared['stop'].is_set():
        raise Stopped
    with _shared['counter'].get_lock():
        _shared['counter'].value += 1
