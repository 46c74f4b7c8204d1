# Copyright (c) DKSAN-MM contributors.
"""Runs of the tools in the test process, which saves mmagic's import."""
import contextlib
import functools
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import helpers.mean_distance  # noqa: F401  (registers a loss)
import helpers.poison  # noqa: F401  (registers a hook)
import pytest
import torch
from helpers.tool_modules import load_tool
from mmengine.config import config
from mmengine.runner import runner
from torch.distributed.elastic.utils.distributed import get_free_port
from torch.multiprocessing import start_processes
from torch.testing import assert_close
from torch.utils._pytree import tree_map

from dksan_mm.cli import launch
from dksan_mm.comparison.processes import _start_server

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs' / 'dksan-s_vid3oc_x16.py')
# The smallest network of the family; small crops, all in one process.
TINY = ['model.generator.channels=8', 'model.generator.num_blocks=[1,1,1,1]']
LIGHT = [
    'train_dataloader.dataset.pipeline.crop.gt_patch_size=64',
    'train_dataloader.batch_size=2', 'default_hooks.logger.interval=1'
] + [
    f'{loader}_dataloader.{key}' for loader in ('train', 'val', 'test')
    for key in ('num_workers=0', 'persistent_workers=False')
]
NUMBERS = itertools.count()


def run(name, *arguments, options=TINY):
    """Return the exit code of a tool.

    mmengine keeps loggers by name, so each run gets a new name.
    """
    torch.set_num_threads(1)  # threads only slow down tensors this small
    options = [f'experiment_name=run{next(NUMBERS)}', *options]
    tool = load_tool(name)
    with plain_logs():
        return launch.run_tool(
            tool.main,
            [*map(str, arguments), '--cfg-options', *LIGHT, *options],
            when_interrupted=getattr(tool, 'INTERRUPTED', 'interrupted'))


@contextlib.contextmanager
def plain_logs() -> Iterator[None]:
    """Skip the slowest parts of a short run of mmengine's Runner.

    yapf formats the config for each log and each checkpoint, and the
    description of the machine calls its compiler.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, 'FormatCode', lambda text, **_: (text, True))
        patch.setattr(runner, 'collect_env', dict)
        yield


def run_together(processes, name, *arguments, **settings):
    """Return the exit codes of a tool in processes as from torchrun.

    They are forked from a process that has imported mmagic and computed
    nothing.
    """
    _start_server()
    codes = torch.full((processes, ), -1).share_memory_()
    if processes > 1:
        arguments = (*arguments, '--launcher', 'pytorch')
    start_processes(
        _run_as,
        (processes, get_free_port(), codes, name, arguments, settings),
        nprocs=processes,
        start_method='forkserver')
    return codes.tolist()


def _run_as(rank, processes, port, codes, name, arguments, settings):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(processes),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port))
    codes[rank] = run(name, *arguments, **settings)


def train(data,
          work_dir,
          *arguments,
          iters=4,
          options=(),
          config=CONFIG,
          processes=None):
    """Train for some iterations: checkpoints every 2, validation at 4.

    Runs in this process, or in new ones and returns their exit codes.
    """
    start = functools.partial(run_together, processes) if processes else run
    return start(
        'train',
        config,
        '--data-root',
        data,
        '--work-dir',
        work_dir,
        *arguments,
        options=[
            f'train_cfg.max_iters={iters}', 'train_cfg.val_interval=4',
            'param_scheduler.1.begin=0', 'param_scheduler.1.end=4',
            'default_hooks.checkpoint.interval=2', *TINY, *options
        ])


def weights(path):
    """Read the state dict of a checkpoint as data only."""
    return torch.load(path, weights_only=True)['state_dict']


def contents(path):
    """Return a checkpoint without times, paths and other differences."""
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint['meta']
    hub = checkpoint['message_hub']
    scalars, info = hub['log_scalars'], hub['runtime_info']
    for name in [name for name in scalars if name.endswith('time')]:
        del scalars[name]
    # 'iter' is the last step's, or where a run was resumed just to validate.
    for name in ('iter', 'eta', 'cfg', 'experiment_name', 'mmengine_version'):
        info.pop(name, None)
    for name in ('best_ckpt', 'last_ckpt'):
        info[name] = Path(info.get(name, '')).name
    del hub['resumed_keys']
    return checkpoint


def assert_same(one, other):
    """Fail if two checkpoints, or parts of them, differ in any bit.

    ``torch.testing`` compares everything except text, which is converted to
    bytes.
    """
    one, other = (
        tree_map(
            lambda leaf: list(leaf.encode())
            if isinstance(leaf, str) else leaf, part) for part in (one, other))
    assert_close(one, other, rtol=0, atol=0)


@pytest.fixture(scope='session')
def finished_run(tiny_vid3oc, tmp_path_factory):
    """Return the work dir of a training of 4 iterations. Read only."""
    work_dir = tmp_path_factory.mktemp('work') / 'finished'
    assert train(tiny_vid3oc, work_dir) == 0
    return work_dir


@pytest.fixture
def own_environment(monkeypatch):
    """Undo a tool's changes to its environment after the test."""
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        monkeypatch.setenv(name, '1')


@pytest.fixture
def sentence(capsys, monkeypatch):
    """Return a function for the one line that a tool wrote to stderr."""
    monkeypatch.setattr(sys, 'argv', ['tool.py'])

    def read():
        lines = capsys.readouterr().err.splitlines()
        lines = [line for line in lines if line.startswith('tool.py: ')]
        assert len(lines) == 1, lines
        return lines[0].removeprefix('tool.py: ')

    return read
