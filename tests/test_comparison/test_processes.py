# Copyright (c) DKSAN-MM contributors.
"""Messages of a comparison's processes, and their outcomes.

tests/test_tools/test_compare.py starts the processes.
"""
import multiprocessing

import pytest

from dksan_mm.comparison.processes import Failure, _listen, check_any
from dksan_mm.utils.errors import UserError


def listen(*messages):
    """Return the outcome if a process sends messages and ends."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    for message in messages:
        theirs.send(message)
    theirs.close()
    with ours:
        return _listen(ours, '[1/2] a')


def test_progress_is_shown_until_the_result_comes(capsys):
    result = dict(averages={})
    assert listen(('frames', 2, 3, 1), ('note', 'it is changed'),
                  ('tick', 0, 1), ('tick', 1, 3), ('result', result)) == result
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '[1/2] a: 1 frame there already'
    assert lines[1] == '[1/2] a: it is changed'
    assert lines[-1].startswith('[1/2] a: 2/2 clips, 3/3 frames, ')


def test_a_failure_is_an_outcome(capsys):
    failure = Failure('no memory')
    assert listen(('frames', 2, 3, 0), ('failed', failure)) == failure
    assert capsys.readouterr().out == ''


def test_of_a_process_that_was_ended_there_is_none():
    assert listen() is None
    assert listen(('frames', 1, 1, 0), ('tick', 0, 1)) is None


def test_a_comparison_of_nothing_is_refused():
    wrong = Failure('there is no config', is_input=True)
    check_any({})
    check_any(dict(a=wrong, b=dict(averages={})))
    check_any(dict(a=wrong, b=Failure('no memory')))
    with pytest.raises(
            UserError,
            match='no model can be compared: a: there is no config; b: there'):
        check_any(dict(a=wrong, b=wrong))
