# Copyright (c) DKSAN-MM contributors.
"""Processes of a distributed run end with their own exit codes."""
import subprocess
import sys

import pytest
from helpers.tool_runs import ROOT
from torch.distributed.elastic.utils.distributed import get_free_port

from dksan_mm.utils.shutdown import finish

SCRIPT = """
import atexit
import sys
import torch
from torch import distributed
from dksan_mm.utils.shutdown import finish
rank, size, port, last = map(int, sys.argv[1:])
atexit.register(print, 'handlers ran', rank)
if size:
    distributed.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank,
        world_size=size)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(9, 9))
    for _ in range(3):
        model(torch.ones(2, 9)).sum().backward()
print('done', rank)
finish(last if rank else 0)
"""


def run(size, last=0):
    """Return exit codes and output of a number of processes."""
    port = get_free_port()
    processes = [
        subprocess.Popen([
            sys.executable, '-c', SCRIPT, *map(str, (rank, size, port, last))
        ],
                         cwd=ROOT,
                         stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE,
                         text=True) for rank in range(max(size, 1))
    ]
    ends = [process.communicate(timeout=240) for process in processes]
    return [process.returncode for process in processes], ends


@pytest.mark.processes
@pytest.mark.parametrize('size, last', [(0, 0), (1, 0), (2, 0), (2, 7)])
def test_exit_codes_and_handlers(size, last):
    codes, ends = run(size, last)
    assert codes == [0, last][:max(size, 1)]
    for rank, (out, err) in enumerate(ends):
        assert out.splitlines() == [f'done {rank}', f'handlers ran {rank}']
        assert 'terminate called' not in err


@pytest.mark.parametrize('code', [0, 7])
def test_a_process_without_a_group_ends_as_usual(code):
    with pytest.raises(SystemExit) as end:
        finish(code)
    assert end.value.code == code
