# Copyright (c) DKSAN-MM contributors.
import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.tiny_network import CONFIGS, tiny_config
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage

from dksan_mm.apis import init_model, restore_frames
from dksan_mm.utils.errors import UserError


def test_a_config_file_or_its_content(tiny_checkpoint):
    path, checkpoint = tiny_checkpoint
    models = [
        init_model(path, checkpoint),
        init_model(tiny_config(), checkpoint)
    ]
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for model in models:
        assert not model.training and model.cfg.model.type == 'WindowVSR'


def test_half_precision_leaves_the_parameters_alone(tiny_checkpoint):
    model = init_model(*tiny_checkpoint, 'cpu', torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    frame = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    [half] = restore_frames(model, [frame])
    [exact] = restore_frames(init_model(*tiny_checkpoint), [frame])
    assert 0 < abs(half.astype(int) - exact).max() <= 8


@pytest.mark.parametrize(
    'wrap', [
        lambda state: state,
        lambda state: dict(state_dict=state, meta=dict(iter=3)),
        lambda state: {
            f'module.{name}': value
            for name, value in state.items()
        },
    ],
    ids=['plain', 'mmengine', 'DDP'])
def test_kinds_of_checkpoints(tiny_checkpoint, tmp_path, wrap):
    config, checkpoint = tiny_checkpoint
    state = torch.load(checkpoint)
    torch.save(wrap(state), tmp_path / 'c.pth')
    loaded = init_model(config, tmp_path / 'c.pth').state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_averaged_weights_are_taken(tmp_path):
    """They are saved as by mmengine's EMAHook."""
    model = init_model(tiny_config())
    hook = EMAHook()
    hook.src_model = model
    hook.ema_model = ExponentialMovingAverage(copy.deepcopy(model), 0.5)
    hook.ema_model.update_parameters(model)
    start = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    hook.ema_model.update_parameters(model)
    content = dict(state_dict=model.state_dict())
    hook.before_save_checkpoint(SimpleNamespace(), content)
    torch.save(content, tmp_path / 'ema.pth')
    loaded = init_model(tiny_config(), tmp_path / 'ema.pth')
    for name, value in loaded.named_parameters():
        torch.testing.assert_close(value, start[name] + 0.5)


class Malicious:

    def __reduce__(self):
        return open, ('executed', 'w')


def test_nothing_in_a_checkpoint_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = init_model(tiny_config()).state_dict()
    torch.save(dict(state_dict=state, meta=Malicious()), 'bad.pth')
    (tmp_path / 'worse.pth').write_bytes(pickle.dumps(Malicious()))
    for name in ('bad.pth', 'worse.pth'):
        with pytest.raises(UserError, match=name):
            init_model(tiny_config(), name)
    assert not (tmp_path / 'executed').exists()


def test_a_checkpoint_of_another_model(tiny_checkpoint):
    with pytest.raises(UserError, match='tiny.pth is a checkpoint of another'):
        init_model(CONFIGS / 'dksan-s_vid3oc_x16.py', tiny_checkpoint[1])


def test_a_config_without_a_model(tmp_path):
    (tmp_path / 'empty.py').write_text('scale = 16\n')
    with pytest.raises(ValueError, match='empty.py has no model'):
        init_model(tmp_path / 'empty.py')
    with pytest.raises(FileNotFoundError, match='nothing.py'):
        init_model(tmp_path / 'nothing.py')
