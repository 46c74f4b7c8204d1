# Copyright (c) DKSAN-MM contributors.
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from dksan_mm.cli import runners
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('name', runners.BUILDERS)
def test_what_is_built_late_is_named_too(name):

    def build(self, part):
        raise part

    builders = dict.fromkeys(runners.BUILDERS, build)
    own = runners._own_runner(type('Runner', (), builders))()
    with pytest.raises(UserError, match="be used for this: 'Nope is no"):
        getattr(own, name)(KeyError('Nope is not in the registry'))
    with pytest.raises(ValueError, match='^no clips$'):
        getattr(own, name)(ValueError('no clips'))


@pytest.mark.parametrize('name, hint', [
    ('CharbonnierLos', r'did you mean CharbonnierLoss\?$'),
    ('Xyzzy', 'add the module of your own to custom_imports$'),
])
def test_types_that_no_registry_has(name, hint, monkeypatch):
    monkeypatch.setattr(runners, 'registered_classes',
                        lambda: dict(CharbonnierLoss=1, DKSANNet=2))
    monkeypatch.setattr(runners, 'log_traceback', str)
    error = KeyError(f'{name} is not in the mmagic::model registry. Please '
                     'check whether it is correct')
    nested = KeyError(f'class `WindowVSR` in window_vsr.py: {error}')
    said = f'for this: {name} is not in the mmagic::model registry; {hint}'
    assert runners.build_reason(
        KeyError(f'{name} is not in the mmagic::optimizer wrapper registry')
    ).startswith(f'{name} is not in the mmagic::optimizer wrapper registry; ')
    for raised in (error, nested):
        with pytest.raises(UserError, match=said):
            raise runners._misfit(raised)
    assert runners.build_reason(ValueError('one\ntwo')) == 'two'


def test_a_checkpoint_that_cannot_be_resumed():

    class Runner:
        optim_wrapper = SimpleNamespace(param_groups=[])
        param_schedulers = None

        def resume(self, filename):
            raise KeyError('step')

    for name in runners.BUILDERS:
        setattr(Runner, name, len)
    with pytest.raises(
            UserError, match="^a.pth cannot be .* no 'step'.; load_"):
        runners._own_runner(Runner)().resume('a.pth')


def test_parts_of_a_loop_that_are_missing(monkeypatch):
    monkeypatch.setattr(runners, 'check_optimizers', len)
    config = Config(dict(val_cfg=None, val_dataloader={}, val_evaluator={}))
    with pytest.raises(
            UserError,
            match='no val_cfg, but others of val_data.*'
            'set all of them to None$'):
        runners.build_runner(object, config)


def test_hooks_of_none_are_left_out(monkeypatch):
    monkeypatch.setattr(runners, 'check_optimizers', len)
    monkeypatch.setattr(runners, '_own_runner', lambda kind: kind)

    class Runner:
        from_cfg = Config.to_dict

    hooks = dict(ema=None, timer=None, offsets=dict(type='Monitor'))
    found = runners.build_runner(Runner, Config(dict(default_hooks=hooks)))
    assert found['default_hooks'] == dict(
        timer=None, offsets=dict(type='Monitor'))


def test_a_name_that_is_not_there():
    assert runners.build_reason(KeyError('LOUD')) == "there is no 'LOUD'"


def loop(kind, sampler, *, many=False, **loader):
    """Return a loop over five samples."""
    data = list(range(5))
    made = DataLoader(data, sampler=sampler(data), **loader)
    loop = object.__new__(type('MyLoop', (kind, ), dict(run=len)))
    vars(loop).update(
        dict(dataloaders=[made]) if many else dict(dataloader=made))
    return loop


@pytest.mark.parametrize('kind, options, said', [
    (EpochBasedTrainLoop, {},
     'MyLoop would never end, because the samples of InfiniteSampler have no '
     'end: state train_cfg.max_iters instead of max_epochs, or set the '
     'sampler of train_dataloader to .*, shuffle=True'),
    (BaseLoop, {}, 'no end: set the sampler of its .*, shuffle=False'),
    (BaseLoop, dict(many=True), 'no end: set the sampler of its dataloader'),
])
def test_loops_without_an_end(kind, options, said):
    if kind is EpochBasedTrainLoop:
        kind = type('Loop', (kind, ), dict(max_epochs=2))
    with pytest.raises(UserError, match=said):
        runners._check_samples(loop(kind, InfiniteSampler, **options))
    runners._check_samples(loop(kind, DefaultSampler, **options))


def test_a_training_that_counts_iterations_may_have_no_end():
    endless = loop(
        IterBasedTrainLoop, InfiniteSampler, batch_size=9, drop_last=True)
    runners._check_samples(endless)


def test_a_loop_without_a_batch():
    runners._check_samples(loop(BaseLoop, DefaultSampler, batch_size=9))
    empty = loop(BaseLoop, DefaultSampler, batch_size=9, drop_last=True)
    with pytest.raises(UserError, match='the 5 samples .* batch_size=9, and'):
        runners._check_samples(empty)


def test_what_hooks_build_before_the_run_is_named():

    class Runner:

        def call_hook(self, fn_name):
            raise KeyError(f'Nope of {fn_name}')

    for name in runners.BUILDERS:
        setattr(Runner, name, len)
    own = runners._own_runner(Runner)()
    with pytest.raises(UserError, match='be used for this: .Nope of before_r'):
        own.call_hook('before_run')
    with pytest.raises(KeyError):
        own.call_hook('after_train_iter')
