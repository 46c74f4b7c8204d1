# Copyright (c) DKSAN-MM contributors.
"""A run killed at any moment and resumed ends as if never killed.

20 kills; DKSAN_KILL_SEED selects other moments, and DKSAN_KILLS=200 more of
them.
"""
import os

import pytest
from helpers.runners import runner
from helpers.tool_runs import (CONFIG, LIGHT, TINY, assert_same, contents,
                               weights)

KILLS = int(os.environ.get('DKSAN_KILLS', 20))
SEED = int(os.environ.get('DKSAN_KILL_SEED', 0))
HOOKS = """
_base_ = [{base!r}]
default_hooks = dict(ema=dict(momentum=0.1), progressive=dict(until=0))
"""


@pytest.fixture(scope='module')
def ask():
    """Return a function that sends a job to kill_runner.py."""
    with runner('kill_runner.py') as ask:
        yield lambda do, *arguments, **job: ask(*arguments, do=do, **job)


@pytest.fixture
def command(tiny_vid3oc, tmp_path):
    """Return a function for the arguments of tools/train.py."""
    config = tmp_path / 'survival.py'
    config.write_text(HOOKS.format(base=CONFIG))

    def command(work_dir, iters):
        return [
            config, '--data-root', tiny_vid3oc, '--work-dir', work_dir,
            '--cfg-options', *LIGHT, *TINY, 'model.generator.type=RandomNet',
            f'train_cfg.max_iters={iters}', 'train_cfg.val_interval=3',
            f'param_scheduler.1.begin={iters // 2}',
            f'param_scheduler.1.end={iters}', 'param_scheduler.0.end=4',
            'default_hooks.checkpoint.interval=2',
            'train_dataloader.num_workers=1',
            'train_dataloader.persistent_workers=True'
        ]

    return command


def final(work_dir, iters):
    """Return everything that must be equal after a run."""
    last = contents(work_dir / f'iter_{iters}.pth')
    best = work_dir / last['message_hub']['runtime_info']['best_ckpt']
    names = sorted(path.name for path in work_dir.glob('*.pth'))
    return dict(last=last, best=weights(best), names=names)


def test_a_run_that_is_killed_ends_like_one_that_is_not(
        ask, command, tmp_path):
    iters = 2 * KILLS
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    log = str(tmp_path / 'log')
    answer = ask('run', *command(whole, iters), log=log)
    assert answer['code'] == 0, answer['text']
    answer = ask(
        'kill',
        *command(killed, iters),
        log=log,
        work_dir=str(killed),
        kills=KILLS,
        seed=SEED)
    assert answer['code'] == 0, answer['text']
    moments = answer['killed']
    print(*moments, sep='\n')
    assert len(moments) == KILLS
    assert_same(final(killed, iters), final(whole, iters))


def test_two_processes_that_are_killed_end_like_two_that_are_not(
        ask, command, tmp_path):
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    job = dict(log=str(tmp_path / 'log'), ranks=2)
    answer = ask('run', *command(whole, 6), **job)
    assert answer['code'] == 0, answer['text']
    answer = ask(
        'kill',
        *command(killed, 6),
        work_dir=str(killed),
        kills=1,
        seed=SEED,
        **job)
    assert answer['code'] == 0, answer['text']
    assert_same(final(killed, 6), final(whole, 6))
