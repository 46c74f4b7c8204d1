# Copyright (c) DKSAN-MM contributors.
from types import SimpleNamespace

import pytest
from mmengine.config import Config

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


def test_a_name_that_is_not_there():
    assert runners.build_reason(KeyError('LOUD')) == "there is no 'LOUD'"
