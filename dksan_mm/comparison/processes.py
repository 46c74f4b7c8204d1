# Copyright (c) DKSAN-MM contributors.
"""Runs of the models, each in its own process, one after the other.

This isolates memory and failures of each model. The import of mmagic (15 s) is
paid once: a server process imports it and is forked for every model.
"""
import contextlib
import multiprocessing
import os
import os.path as osp
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import NamedTuple

from dksan_mm.utils.environment import terminal_signals_blocked
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.progress import Progress
from dksan_mm.utils.running import last_line
from .request import Task

LOG = 'log.txt'
# Modules that the configs import or that take a second to import.
_PRELOAD = [
    'dksan_mm.models', 'dksan_mm.inference', 'dksan_mm.datasets',
    'dksan_mm.evaluation.metrics', 'dksan_mm.engine.hooks',
    'dksan_mm.engine.optimizers', 'dksan_mm.analysis.complexity',
    'dksan_mm.comparison.worker', 'torch.utils.flop_counter',
    'torch._subclasses.fake_tensor'
]
_ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))


class Failure(NamedTuple):
    """Failure of a model.

    Attributes:
        reason (str): One sentence.
        is_input (bool): Whether the user's input is wrong.
    """
    reason: str
    is_input: bool = False


def run_models(tasks: Sequence[Task]) -> dict[str, object]:
    """Run all tasks; a failure ends only its own model.

    Prints the progress.

    Args:
        tasks (Sequence[Task]): One task per model.

    Returns:
        dict: By model name, the result of
        :meth:`~dksan_mm.comparison.worker.ModelRun.run` or a
        :class:`Failure`.
    """
    context = _start_server()
    return {
        task.model.name:
        _run_one(task, context, f'[{number}/{len(tasks)}] {task.model.name}')
        for number, task in enumerate(tasks, 1)
    }


def check_any(outcomes: Mapping[str, object]) -> None:
    """Raise an error if the input of every model is wrong.

    Args:
        outcomes (Mapping): Result of :func:`run_models`.

    Raises:
        UserError: If all models failed because of the user's input.
    """
    reasons = [
        f'{name}: {outcome.reason}' for name, outcome in outcomes.items()
        if isinstance(outcome, Failure) and outcome.is_input
    ]
    if reasons and len(reasons) == len(outcomes):
        raise UserError(f'no model can be compared: {"; ".join(reasons)}')


def _start_server() -> multiprocessing.context.BaseContext:
    """Start the process that imports mmagic and is then forked."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(_PRELOAD)
    paths = [_ROOT, *filter(None, [os.environ.get('PYTHONPATH')])]
    with _environment(
            PYTHONPATH=os.pathsep.join(paths), PYTHONWARNINGS='ignore'):
        # Only this process handles the terminal's signals and ends the others.
        # Starting the tracker unblocks Ctrl-C, so it comes first.
        with terminal_signals_blocked():
            resource_tracker.ensure_running()
        with terminal_signals_blocked():
            forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _run_one(task: Task, context, label: str) -> object:
    """Start a model's process, show its messages, return its outcome."""
    log = osp.join(task.notes, LOG)
    print(f'{label}: importing mmagic and building the model ...', flush=True)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, theirs, log))
    process.start()
    theirs.close()
    try:
        outcome = _listen(ours, label)
        process.join()
    except BaseException:
        process.terminate()
        raise
    finally:
        ours.close()
    if outcome is None:
        signals = -(process.exitcode or 0)
        by = f'by signal {signals} ' if signals > 0 else ''
        outcome = Failure(f'its process was ended {by}(out of memory?), see '
                          f'{log}')
    if isinstance(outcome, Failure):
        print(f'{label}: FAILED: {outcome.reason}', flush=True)
    return outcome


def _listen(connection: Connection, label: str) -> object:
    """Show progress until the outcome arrives; None if there is none."""
    progress = Progress(label, 0, 0)
    try:
        return _follow(connection, progress)
    finally:
        progress.close()


def _follow(connection: Connection, progress: Progress) -> object:
    clips = frames = 0
    label = progress.label
    while True:
        if not connection.poll(0.5):
            if progress.frames:
                progress.show(clips, frames)
            continue
        try:
            kind, *values = connection.recv()
        except EOFError:
            return None
        if kind == 'frames':
            clips_total, missing, present = values
            if present:
                noun = 'frame' if present == 1 else 'frames'
                print(f'{label}: {present} {noun} there already', flush=True)
            progress.begin(clips_total, missing)
        elif kind == 'tick':
            clips, frames = values
            progress.show(clips, frames)
        elif kind == 'note':
            print(f'{label}: {values[0]}', flush=True)
        else:
            if kind == 'result' and progress.frames:
                progress.show(progress.clips, frames, last=True)
            return values[0]


def _work(task: Task, connection: Connection, log: str) -> None:
    """Run the model in its process."""
    threading.Thread(
        target=_watch_parent, args=(os.getppid(), ), daemon=True).start()
    os.makedirs(task.notes, exist_ok=True)
    with open(log, 'w', encoding='utf-8') as file:
        # mmengine and mmagic log to both streams.
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        connection.send(_attempt(task, connection, log))


def _attempt(task: Task, connection: Connection, log: str) -> tuple:
    """Return the model's result or its failure."""

    def tell(*message) -> None:
        connection.send(message)

    try:
        from dksan_mm.cli.launch import import_modules
        from .request import read_config
        import_modules(read_config(task.model))
        from .worker import ModelRun
        return 'result', ModelRun(task, tell).run()
    except UserError as error:
        return 'failed', Failure(str(error), is_input=True)
    except Exception as error:  # the other models still run
        traceback.print_exc()
        kind = '' if isinstance(error, (OSError, ValueError)) else \
            f'{type(error).__name__}: '
        return 'failed', Failure(
            f'{kind}{last_line(error)} (traceback in {log})')


def _watch_parent(parent: int) -> None:
    """Exit when the server exits, which happens when the tool does."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
