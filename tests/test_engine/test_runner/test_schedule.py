# Copyright (c) DKSAN-MM contributors.
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import LinearLR, OptimWrapper
from torch import nn

from dksan_mm.engine.runner.schedule import Schedule, uneven_end


def make_runner(end, lr=1.):
    """Make a runner with two warm-up steps and a decay from step 2 on."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=lr)
    wrapper = OptimWrapper(optimizer)
    schedulers = [
        LinearLR(wrapper, start_factor=.5, begin=0, end=2, by_epoch=False),
        LinearLR(
            wrapper,
            start_factor=1.,
            end_factor=.1,
            begin=2,
            end=end,
            by_epoch=False)
    ]
    return SimpleNamespace(
        optim_wrapper=wrapper, param_schedulers=schedulers, iter=0, epoch=0)


def train(runner, steps):
    """Train; return the learning rates of some steps."""
    rates = []
    for _ in range(steps):
        rates += runner.optim_wrapper.get_lr()['lr']
        runner.optim_wrapper.step()
        for scheduler in runner.param_schedulers:
            scheduler.step()
        runner.iter += 1
    return rates


def resume(runner, other):
    """Give a new runner the state of another; return the changes."""
    schedule = Schedule(runner)
    runner.optim_wrapper.load_state_dict(other.optim_wrapper.state_dict())
    for own, old in zip(runner.param_schedulers, other.param_schedulers):
        own.load_state_dict(old.state_dict())
    runner.iter = other.iter
    return schedule.follow(runner)


@pytest.mark.parametrize('steps', [1, 3, 4, 6])
def test_a_moved_end_counts(steps):
    wanted = train(make_runner(10), 12)
    short, long = make_runner(4), make_runner(10)
    train(short, steps)
    assert resume(long, short) == ['LinearLR.end', 'LinearLR.total_iters']
    assert train(long, 12 - steps) == wanted[steps:]
    assert wanted[-1] == pytest.approx(.1)


def test_another_rate_counts():
    wanted = train(make_runner(10, lr=.3), 12)
    first, second = make_runner(10), make_runner(10, lr=.3)
    train(first, 5)
    assert resume(second, first) == ['initial_lr']
    assert train(second, 7) == wanted[5:]


def test_the_same_config_changes_nothing():
    wanted = train(make_runner(10), 12)
    first, second = make_runner(10), make_runner(10)
    train(first, 5)
    assert resume(second, first) == []
    assert train(second, 7) == wanted[5:]


class Plain(torch.optim.Optimizer):
    """An optimizer to which torch adds a default when it loads a state."""

    def __init__(self, params):
        super().__init__(params, dict(lr=1.))

    def step(self, closure=None):
        pass


def test_an_optimizer_of_one_s_own_is_the_same():
    runners = []
    for _ in range(2):
        wrapper = OptimWrapper(Plain(nn.Linear(1, 1).parameters()))
        runners.append(
            SimpleNamespace(
                optim_wrapper=wrapper, param_schedulers=[], iter=0, epoch=0))
    first, second = runners
    assert resume(first, second) == []
    added = first.optim_wrapper.optimizer.defaults.keys() - {'lr'}
    assert added and not added & first.optim_wrapper.param_groups[0].keys()


def test_another_optimizer_is_refused():
    first, second = make_runner(10), make_runner(10)
    train(first, 5)
    adam = torch.optim.Adam(nn.Linear(1, 1).parameters())
    second.optim_wrapper = OptimWrapper(adam)
    second.param_schedulers = []
    with pytest.raises(ValueError, match='than Adam: it has no betas, eps$'):
        resume(second, first)


def config_of(length, **settings):
    """Return a config with a warm-up and a decay."""
    warm_up = dict(type='LinearLR', begin=0, end=10, by_epoch=False)
    decay = dict(type='LinearLR', begin=50, by_epoch=False, **settings)
    return dict(
        train_cfg=dict(max_iters=length), param_scheduler=[warm_up, decay])


@pytest.mark.parametrize('config', [
    config_of(100, end=100),
    config_of(100, T_max=100),
    dict(train_cfg=dict(max_iters=100)),
    dict(
        train_cfg=dict(max_iters=100),
        param_scheduler=dict(type='LinearLR', end=5)),
])
def test_rates_that_end_with_the_training_or_with_nothing(config):
    assert uneven_end(config) is None


@pytest.mark.parametrize('config, match', [
    (config_of(200, end=100), 'scheduler.1.end is 100, but train_cfg.max_iters'
     ' is 200: the learning rate is constant'),
    (config_of(60, T_max=100), '1.T_max is 100, but .* 60: the learning rate'),
    (dict(config_of(60), param_scheduler=dict(end=9,
                                              by_epoch=False)), '0.end is 9'),
])
def test_rates_that_end_elsewhere_are_said(config, match):
    assert re.search(match, uneven_end(config))
