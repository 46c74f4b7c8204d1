# Copyright (c) DKSAN-MM contributors.
"""Processes that have imported mmagic and do one job after another."""
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from helpers.tool_runs import ROOT


@contextmanager
def runner(script: str) -> Iterator[Callable]:
    """Start ``tests/helpers/{script}``; stop it at the end.

    Yields:
        Callable: Sends a job, whose ``arguments`` may be paths, and returns
        the answer: both dicts, each a line of JSON.
    """
    tests = ROOT / 'tests'
    process = subprocess.Popen([sys.executable, tests / 'helpers' / script],
                               stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE,
                               env={
                                   **os.environ, 'PYTHONPATH':
                                   f'{tests}:{ROOT}'
                               },
                               text=True)

    def ask(*arguments, **job) -> dict:
        job['arguments'] = [str(part) for part in arguments]
        process.stdin.write(json.dumps(job) + '\n')
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    assert process.wait(timeout=60) == 0
