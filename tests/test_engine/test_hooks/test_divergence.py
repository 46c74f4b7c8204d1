# Copyright (c) DKSAN-MM contributors.
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, EMAHook, LoggerHook, RuntimeInfoHook
from mmengine.logging import MessageHub
from mmengine.runner import get_priority

from dksan_mm.engine.hooks import DivergenceHook, OffsetMonitorHook
from dksan_mm.utils.errors import UserError

NAN, INF = float('nan'), float('inf')


def look(folder, skips=False, **scalars):
    """Return what the hook does after an iteration with these numbers."""
    hub = MessageHub('look')
    for name, value in scalars.items():
        hub.update_scalar(f'train/{name}', value)
    DivergenceHook().after_train_iter(
        SimpleNamespace(
            iter=11,
            message_hub=hub,
            work_dir=str(folder),
            optim_wrapper=SimpleNamespace(skips_updates=skips)), 0)


@pytest.mark.parametrize('scalars', [
    dict(),
    dict(loss=0.1),
    dict(loss=1e30, grad_norm=1e38),
    dict(loss=0.1, grad_norm=NAN, skips=True)
])
def test_finite_numbers_are_no_matter(scalars, tmp_path):
    look(tmp_path, **scalars)


@pytest.mark.parametrize('scalars, what', [
    (dict(loss=NAN, grad_norm=NAN), 'the loss is nan'),
    (dict(loss=0.1, grad_norm=NAN), 'the gradient norm is nan'),
    (dict(loss=0.1, grad_norm=INF), 'the gradient norm is inf'),
    (dict(loss=INF, grad_norm=0., skips=True), 'the loss is inf'),
])
def test_what_is_not_finite_is_named(scalars, what, tmp_path):
    with pytest.raises(UserError) as error:
        look(tmp_path, **scalars)
    assert str(error.value).startswith(
        f'training stopped at iteration 12: {what}; no checkpoint')


def test_the_checkpoint_that_stays_is_named(tmp_path):
    path = tmp_path / 'iter_10.pth'
    (tmp_path / 'last_checkpoint').write_text(str(path))
    with pytest.raises(UserError, match='lower learning rate') as error:
        look(tmp_path, loss=NAN)
    assert f'{path} is the last checkpoint before' in str(error.value)


@pytest.mark.parametrize('value', [NAN, INF])
def test_weights_that_are_not_finite_are_not_saved(value, tmp_path):
    runner = SimpleNamespace(iter=3, work_dir=str(tmp_path))
    weights = dict(first=torch.ones(2), count=torch.tensor(3))
    hook = DivergenceHook()
    hook.before_save_checkpoint(runner, dict(state_dict=weights))
    weights['second'] = torch.tensor([0., value])
    with pytest.raises(UserError, match='iteration 4: second is not finite'):
        hook.before_save_checkpoint(runner, dict(state_dict=weights))


def test_it_acts_between_the_numbers_and_what_is_made_of_them():
    for hook in (DivergenceHook, OffsetMonitorHook):
        own = get_priority(hook.priority)
        assert get_priority(RuntimeInfoHook.priority) < own
        for later in (EMAHook, LoggerHook, CheckpointHook):
            assert own < get_priority(later.priority)
