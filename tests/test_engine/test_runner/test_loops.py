# Copyright (c) DKSAN-MM contributors.
import pytest
from helpers.tool_runs import assert_same, contents
from helpers.toy_runs import toy_run
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop

from dksan_mm.datasets import SeededInfiniteSampler


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Return the work dir of 8 iterations and the order of its samples."""
    work_dir = tmp_path_factory.mktemp('whole')
    _, loaded, validated = toy_run(work_dir, 8)
    assert validated == [2, 4, 6, 8] and len(loaded) == 16
    return work_dir, loaded


def test_a_resumed_run_loads_nothing_twice_and_ends_the_same(whole, tmp_path):
    finished, order = whole
    _, loaded, validated = toy_run(tmp_path, 8, resume=finished / 'iter_4.pth')
    assert loaded == order[8:]
    assert validated == [6, 8]
    ours, theirs = (
        contents(path / 'iter_8.pth') for path in (tmp_path, finished))
    assert_same(ours, theirs)


@pytest.mark.parametrize('first, second', [(1, 4), (4, 1), (2, 3)])
def test_the_order_goes_on_with_another_batch(first, second, whole, tmp_path):
    _, order = whole
    _, before, _ = toy_run(tmp_path, 2, batch_size=first)
    _, after, _ = toy_run(tmp_path, 4, batch_size=second, resume=True)
    assert before + after == order[:2 * (first + second)]
    used = contents(tmp_path / 'iter_4.pth')['message_hub']['runtime_info']
    assert used['data_position'] == dict(samples=2 * (first + second), seed=3)


def test_the_order_goes_on_with_its_own_seed(whole, tmp_path, monkeypatch):
    finished, order = whole
    # As a run without a seed in its config has it: another one each time.
    make = SeededInfiniteSampler.__init__
    monkeypatch.setattr(
        SeededInfiniteSampler, '__init__',
        lambda self, *args, seed, **kwargs: make(
            self, *args, seed=17, **kwargs))
    _, loaded, _ = toy_run(tmp_path, 8, resume=finished / 'iter_4.pth')
    assert loaded == order[8:]


def test_a_checkpoint_of_mmengine_s_loop_tells_where_the_data_are(
        whole, tmp_path):
    finished, order = whole
    toy_run(tmp_path, 4, loop=IterBasedTrainLoop)
    _, loaded, validated = toy_run(tmp_path, 8, resume=True)
    assert loaded == order[8:]
    assert validated == [6, 8]


def test_other_samplers_are_read_through_and_it_is_said(tmp_path):
    _, order, _ = toy_run(tmp_path / 'whole', 8, sampler=InfiniteSampler)
    _, loaded, _ = toy_run(
        tmp_path / 'on',
        8,
        sampler=InfiniteSampler,
        resume=tmp_path / 'whole' / 'iter_4.pth')
    assert loaded == order
    log = next((tmp_path / 'on').rglob('*.log')).read_text()
    assert 'reading through the data of 4 past iterations' in log
    assert_same(*(contents(tmp_path / name / 'iter_8.pth')
                  for name in ('whole', 'on')))


class KilledInValidation(Hook):
    """Hook that ends the run in a validation."""

    def __init__(self, step, stage):
        self.step, self.stage = step, stage

    def stop(self, runner):
        if runner.iter == self.step:
            raise KeyboardInterrupt

    def before_val_epoch(self, runner):
        if self.stage == 'before':
            self.stop(runner)

    def after_train_val(self, runner):
        if self.stage == 'after':
            self.stop(runner)


@pytest.mark.parametrize('stage, validated', [('before', [4, 6, 8]),
                                              ('after', [6, 8])])
def test_a_validation_that_was_cut_off_is_done(stage, validated, whole,
                                               tmp_path):
    finished, _ = whole
    killed = KilledInValidation(4, stage)
    killed.priority = 'LOWEST'
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, 8, hooks=[killed])
    assert toy_run(tmp_path, 8, resume=True)[2] == validated
    ours, theirs = (
        contents(path / 'iter_8.pth') for path in (tmp_path, finished))
    assert_same(ours, theirs)


def test_a_last_validation_that_was_cut_off_is_done(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        toy_run(tmp_path, 4, hooks=[KilledInValidation(4, 'before')])
    _, loaded, validated = toy_run(tmp_path, 4, resume=True)
    assert (loaded, validated) == ([], [4])
    assert (tmp_path / 'best_score_iter_4.pth').exists()


def test_of_a_finished_run_nothing_is_left_to_do(whole, tmp_path):
    finished, _ = whole
    _, loaded, validated = toy_run(tmp_path, 8, resume=finished / 'iter_8.pth')
    assert (loaded, validated) == ([], [])
    log = next(tmp_path.rglob('*.log')).read_text()
    assert 'all 8 iterations are done, nothing is left to train' in log
    assert not list(tmp_path.glob('*.pth'))


def test_validation_leaves_the_random_numbers_alone(whole, tmp_path):
    finished, _ = whole
    _, _, validated = toy_run(tmp_path, 8, val_interval=100)
    assert validated == [8]
    assert_same(*(contents(path / 'iter_8.pth')['state_dict']
                  for path in (tmp_path, finished)))
