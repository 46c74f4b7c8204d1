# Copyright (c) DKSAN-MM contributors.
"""Runs of tools in forks of a process that has imported everything.

It reads jobs from its input and answers each with a line; both are JSON. The
fork runs the tool as a user would start it, except for the import time.
"""
import importlib
import json
import os
import signal
import sys
import time

# Forked processes cannot compute on a GPU, nor with several threads.
os.environ.update(CUDA_VISIBLE_DEVICES='-1', OMP_NUM_THREADS='1')

from helpers.tool_runs import ROOT, load_tool  # noqa: E402

from dksan_mm.cli import launch  # noqa: E402

IMPORTS = ('mmengine.config.config', 'dksan_mm.apis', 'dksan_mm.datasets',
           'dksan_mm.evaluation.metrics', 'dksan_mm.models')
PATIENCE = 120  # seconds after which a run hangs


def super_resolve(arguments):
    """Return the exit code of tools/super_resolve.py."""
    sys.argv = ['super_resolve.py', *arguments]
    return launch.run_tool(load_tool('super_resolve').main, arguments)


def prepare_data(arguments):
    """Return the exit code of tools/prepare_data.py."""
    sys.argv = ['prepare_data.py', *arguments]
    # Its worker processes import it by this name.
    sys.path.insert(0, str(ROOT / 'tools'))
    return importlib.import_module('prepare_data').main(arguments)


TOOLS = dict(super_resolve=super_resolve, prepare_data=prepare_data)


def run(tool, arguments, log):
    """Return the exit code (negative: the signal) and seconds of a fork."""
    start, child = time.monotonic(), os.fork()
    if not child:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            sys.exit(TOOLS[tool](arguments))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 99
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - start
        if pid:
            return os.waitstatus_to_exitcode(status), seconds
        if seconds > PATIENCE:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.005)


def main():
    """Answer jobs until the input ends."""
    for name in IMPORTS:  # not in the worker processes of prepare_data
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # whatever else prints
    for line in sys.stdin:
        code, seconds = run(**json.loads(line))
        answers.write(json.dumps(dict(code=code, seconds=seconds)) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
