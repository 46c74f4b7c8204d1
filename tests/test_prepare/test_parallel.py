# Copyright (c) DKSAN-MM contributors.
"""Clips in several processes, which count frames and can be stopped."""
import multiprocessing
import os

import pytest
from helpers.child_functions import count_frames

from dksan_mm.prepare import parallel
from dksan_mm.utils.progress import Progress


@pytest.mark.processes
def test_each_task_gives_its_result_or_its_error(capsys):
    tasks = [3, -1, 2]
    found = dict(
        parallel.run_parallel(count_frames, tasks, Progress('Counting', 3, 5),
                              2))
    assert found.keys() == set(tasks)
    assert isinstance(found[-1], ValueError) and found[-1].args == (-1, )
    assert [found[task][1] for task in (3, 2)] == [3, 2]
    assert os.getpid() not in (found[3][0], found[2][0])
    assert 'Counting: 3/3 clips, 5/5 frames' in capsys.readouterr().out


def test_frames_are_counted_until_the_run_is_stopped(monkeypatch):
    context = multiprocessing.get_context('spawn')
    counter, stop = context.Value('L', 0), context.Event()
    monkeypatch.setattr(parallel, '_shared',
                        dict(counter=counter, stop=stop, parent=os.getppid()))
    assert parallel._call(count_frames, 3) == (os.getpid(), 3)
    assert counter.value == 3
    stop.set()
    with pytest.raises(parallel.Stopped):
        parallel._call(count_frames, 3)
    assert counter.value == 3
