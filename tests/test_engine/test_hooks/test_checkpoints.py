# Copyright (c) DKSAN-MM contributors.
"""A run is consistent if killed at any step; a full disk is reported."""
import errno
import multiprocessing
import os
import shutil
import traceback
from pathlib import Path

import pytest
import torch
from helpers.tool_runs import assert_same, contents
from helpers.toy_runs import RISING, toy_run
from mmengine.hooks import CheckpointHook

from dksan_mm.comparison.processes import _start_server
from dksan_mm.engine.hooks import (AtomicBackend, AtomicCheckpointHook,
                                   PlainWeightsHook)
from dksan_mm.engine.runner.checkpoint import read_checkpoint
from dksan_mm.engine.runner.resume import list_checkpoints
from dksan_mm.io.files import END, reserve_file
from dksan_mm.utils.errors import UserError

KILLED = 9


def files(work_dir):
    """Return names of files, except dumped configs."""
    return sorted(
        path.name for path in Path(work_dir).iterdir()
        if path.is_file() and path.suffix != '.py')


def pointer(work_dir):
    return os.path.basename((work_dir / 'last_checkpoint').read_text())


@pytest.fixture(scope='module')
def begun(tmp_path_factory):
    """Return the work dir of 2 iterations, with a checkpoint and the best."""
    work_dir = tmp_path_factory.mktemp('begun')
    toy_run(work_dir, 2, max_keep_ckpts=1)
    assert files(work_dir) == [
        'best_score_iter_2.pth', 'iter_2.pth', 'last_checkpoint'
    ]
    return work_dir


@pytest.fixture(scope='module')
def ended(begun, tmp_path_factory):
    """Continue it to 4 iterations, with a better score."""
    work_dir = tmp_path_factory.mktemp('ended') / 'w'
    shutil.copytree(begun, work_dir)
    toy_run(work_dir, 4, max_keep_ckpts=1, resume=True)
    return work_dir


@pytest.fixture(scope='module')
def dying_run():
    """Return a function that continues a run and dies before a write.

    It returns the exit code. A process that has imported everything is forked
    for each run. It computes nothing itself, because torch rejects gradients
    in a fork of a process that has computed some.
    """
    _start_server()
    context = multiprocessing.get_context('forkserver')
    here, there = context.Pipe()
    process = context.Process(target=_fork_for_each, args=(there, ))
    process.start()
    there.close()  # so that the end of the process is seen

    def run(work_dir, step):
        here.send((work_dir, step))
        return here.recv()

    yield run
    here.send(None)
    process.join()


def _fork_for_each(pipe):
    """Answer each job with the exit code of its run."""
    for job in iter(pipe.recv, None):
        child = os.fork()
        if not child:
            try:
                _die(*job)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        pipe.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _die(work_dir, step):
    steps = iter(range(step))

    def counted(function):

        def call(*args, **kwargs):
            if next(steps, None) is None:
                os._exit(KILLED)
            return function(*args, **kwargs)

        return call

    for name in ('fsync', 'replace', 'remove'):
        setattr(os, name, counted(getattr(os, name)))
    toy_run(work_dir, 4, max_keep_ckpts=1, resume=True)


def check(work_dir):
    """Check what must hold whenever a run is killed."""
    paths = list_checkpoints(work_dir)
    for path in [*paths, *work_dir.glob('best_*.pth')]:
        read_checkpoint(str(path))
    newest = read_checkpoint(str(paths[0]))
    info = newest['message_hub']['runtime_info']
    assert os.path.basename(info['best_ckpt']) in files(work_dir)


@pytest.mark.slow
def test_killed_at_any_step_of_writing_it_ends_the_same(
        begun, ended, dying_run, tmp_path):
    expected = contents(ended / 'iter_4.pth')
    for step in range(100):
        work_dir = tmp_path / str(step)
        shutil.copytree(begun, work_dir)
        code = dying_run(work_dir, step)
        check(work_dir)
        toy_run(work_dir, 4, max_keep_ckpts=1, resume=True)
        assert files(work_dir) == files(ended), step
        assert_same(contents(work_dir / 'iter_4.pth'), expected)
        if code == 0:
            break
        assert code == KILLED
    # Twice the checkpoint and the pointer, once the best, two removals.
    assert step >= 4 * 3 + 3 + 2


def test_the_new_is_in_place_before_the_old_goes(begun, tmp_path, monkeypatch):
    work_dir = tmp_path / 'w'
    shutil.copytree(begun, work_dir)
    remove, removed = os.remove, []

    def watched(path):
        removed.append(os.path.basename(path))
        assert pointer(work_dir) == 'iter_4.pth'
        assert (work_dir / str(removed[-1]).replace('2', '4')).exists()
        remove(path)

    monkeypatch.setattr(os, 'remove', watched)
    toy_run(work_dir, 4, max_keep_ckpts=1, resume=True)
    assert removed == ['iter_2.pth', 'best_score_iter_2.pth']


def test_unfinished_files_of_a_killed_run_are_removed(begun, tmp_path):
    work_dir = tmp_path / 'w'
    shutil.copytree(begun, work_dir)
    for name in ('iter_4.pth', 'last_checkpoint'):
        reserve_file(str(work_dir / name), END)
    token = '0123456789abcdef'
    mine = [
        '.mine.tmp', '.iter_4.pth.77.tmp', f'.mine.pth.{token}.tmp',
        'best_score_iter_mine.pth', 'best_score_iter_1_mine.pth'
    ]
    for name in mine:
        (work_dir / name).write_bytes(b'PK')
    toy_run(work_dir, 4, resume=True)
    kept = [
        name for name in files(work_dir) if 'tmp' in name or 'mine' in name
    ]
    assert sorted(kept) == sorted(mine)


def full_disk(monkeypatch, names):
    """Make writing such files fail halfway, as on a full disk."""
    put = os.fsync

    def fsync(handle):
        path = os.path.basename(os.readlink(f'/proc/self/fd/{handle}'))
        if any(name in path for name in names):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(handle)

    monkeypatch.setattr(os, 'fsync', fsync)


def test_on_a_full_disk_the_training_goes_on(ended, tmp_path, monkeypatch):
    full_disk(monkeypatch, ['iter_4.pth'])
    toy_run(tmp_path, 6)
    assert files(tmp_path) == [
        'best_score_iter_6.pth', 'iter_2.pth', 'iter_6.pth', 'last_checkpoint'
    ]
    [log] = tmp_path.rglob('*.log')
    errors = [line for line in log.read_text().splitlines() if 'ERROR' in line]
    assert len(errors) == 3  # twice the checkpoint, once the best
    assert errors[0].endswith(
        f"{tmp_path}/iter_4.pth could not be written: [Errno 28] No space "
        f"left on device: '{tmp_path}/iter_4.pth'; the training continues, "
        f'and could be resumed from {tmp_path}/iter_2.pth')
    monkeypatch.undo()
    whole = tmp_path / 'whole'
    toy_run(whole, 6)
    assert_same(*(contents(path / 'iter_6.pth')['optimizer']
                  for path in (tmp_path, whole)))


def test_a_last_checkpoint_that_is_missing_fails_the_run(
        tmp_path, monkeypatch):
    full_disk(monkeypatch, ['iter_4.pth'])
    with pytest.raises(
            OSError,
            match=r'the last checkpoint could not be '
            r'written: .*No space.*--resume continues from .*iter_2'):
        toy_run(tmp_path, 4)
    assert files(tmp_path) == [
        'best_score_iter_2.pth', 'iter_2.pth', 'last_checkpoint'
    ]
    check(tmp_path)
    monkeypatch.undo()
    toy_run(tmp_path, 4, resume=True)
    check(tmp_path)
    assert pointer(tmp_path) == 'iter_4.pth'


def test_a_resumed_run_names_what_it_started_from(begun, tmp_path,
                                                  monkeypatch):
    full_disk(monkeypatch, ['iter_4.pth'])
    with pytest.raises(OSError, match=f'continues from {begun}/iter_2.pth'):
        toy_run(tmp_path, 4, resume=begun / 'iter_2.pth')


def test_a_best_that_cannot_be_written_is_not_named(tmp_path, monkeypatch):
    full_disk(monkeypatch, ['best_score_iter_4.pth'])
    toy_run(tmp_path, 4)
    info = contents(tmp_path / 'iter_4.pth')['message_hub']['runtime_info']
    assert (info['best_score'], info['best_ckpt']) == (1.,
                                                       'best_score_iter_2.pth')
    check(tmp_path)


def test_several_metrics_have_a_best_checkpoint_each(tmp_path):
    toy_run(
        tmp_path, 6, save_best=['score', 'error'], rule=['greater', 'less'])
    assert [name for name in files(tmp_path) if 'best' in name
            ] == ['best_error_iter_2.pth', 'best_score_iter_4.pth']


def test_a_metric_that_is_not_computed_is_named(tmp_path):
    with pytest.raises(UserError, match='computes no psnr, but score, error$'):
        toy_run(tmp_path, 4, save_best='psnr')


def test_going_back_keeps_the_better_one_until_it_comes_again(tmp_path):
    toy_run(tmp_path, 4)
    scores = RISING | {3: 0.5}
    start = tmp_path / 'iter_2.pth'  # the best that it names is gone
    toy_run(tmp_path, 3, resume=start, scores=scores)
    assert 'best_score_iter_4.pth' in files(tmp_path)
    assert [p.name for p in list_checkpoints(tmp_path)
            ] == ['iter_3.pth', 'iter_2.pth', 'iter_4.pth']
    toy_run(tmp_path, 4, resume=True)
    assert [name for name in files(tmp_path)
            if 'best' in name] == ['best_score_iter_4.pth']


def test_a_moved_work_dir_keeps_one_best(begun, tmp_path):
    work_dir = tmp_path / 'moved'
    shutil.copytree(begun, work_dir)
    toy_run(work_dir, 4, resume=True)
    assert [name for name in files(work_dir)
            if 'best' in name] == ['best_score_iter_4.pth']
    assert 'best_score_iter_2.pth' in files(begun)


def test_as_many_checkpoints_are_kept_as_are_wanted(tmp_path):
    toy_run(tmp_path, 6, interval=1, max_keep_ckpts=2)
    toy_run(tmp_path, 8, interval=1, max_keep_ckpts=3, resume=True)
    assert [p.name for p in list_checkpoints(tmp_path)
            ] == ['iter_8.pth', 'iter_7.pth', 'iter_6.pth']


def test_accumulated_gradients_are_not_lost(tmp_path):
    toy_run(tmp_path / 'whole', 7, accumulate=3)
    # Due after 2, 4 and 6 iterations; steps are made after 3, 6 and the last.
    assert [p.name for p in list_checkpoints(tmp_path / 'whole')
            ] == ['iter_7.pth', 'iter_6.pth', 'iter_3.pth']
    toy_run(
        tmp_path / 'on',
        7,
        accumulate=3,
        resume=tmp_path / 'whole' / 'iter_3.pth')
    assert_same(*(contents(tmp_path / name / 'iter_7.pth')
                  for name in ('whole', 'on')))


def test_without_saving_nothing_is_saved(tmp_path):
    toy_run(tmp_path, 4, interval=-1, save_last=False, save_best=None)
    assert not files(tmp_path)


def test_a_run_with_averaged_weights_starts_from_plain_ones(begun, tmp_path):
    weights = torch.load(begun / 'iter_2.pth')['state_dict']
    torch.save(weights, tmp_path / 'plain.pth')
    hooks = [dict(type='EMAHook', momentum=1e-6), PlainWeightsHook()]
    with pytest.raises(KeyError, match='state_dict'):
        toy_run(tmp_path, 1, hooks=hooks[:1], start=tmp_path / 'plain.pth')
    toy_run(tmp_path, 1, hooks=hooks, start=tmp_path / 'plain.pth')
    found = torch.load(tmp_path / 'iter_1.pth')['ema_state_dict']
    assert found['module.steps'] == weights['steps'] + 1


def test_the_backend_replaces_files_and_makes_folders(tmp_path):
    path = tmp_path / 'new' / 'file'
    for content in (b'old', b'new'):
        AtomicBackend().put(content, path)
        assert path.read_bytes() == content
    assert files(path.parent) == ['file']


def test_arguments_that_would_fail_at_the_first_checkpoint_are_named():
    with pytest.raises(TypeError, match='Hook has no argument intervals$'):
        AtomicCheckpointHook(intervals=3)


def test_another_backend_can_be_chosen():
    local = dict(backend='local')
    hook = AtomicCheckpointHook(backend_args=local)
    assert hook.backend_args == local
    assert CheckpointHook().backend_args is None


@pytest.mark.parametrize('other', [
    dict(a=[torch.tensor([1., 2.]), 3]),
    dict(a=[torch.tensor([1., 2. + 2e-7]), 3, 'c']),
    dict(a=[torch.tensor([1., 2.]), 3., 'c']),
    dict(a=[torch.tensor([1., 2.]), 3, 'd']),
    dict(b=[torch.tensor([1., 2.]), 3, 'c']),
    [torch.tensor([1., 2.]), 3, 'c'],
])
def test_a_bit_of_difference_is_not_the_same(other):
    one = dict(a=[torch.tensor([1., 2.]), 3, 'c'])
    assert_same(one, dict(a=[torch.tensor([1., 2.]), 3, 'c']))
    with pytest.raises((AssertionError, TypeError)):
        assert_same(one, other)
