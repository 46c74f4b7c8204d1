# Copyright (c) DKSAN-MM contributors.
"""The released networks, loaded by their names."""
from pathlib import Path

import pytest
import torch

import dksan_mm
from dksan_mm.apis import init_model, restore_frames
from dksan_mm.apis.released import load_model
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import RELEASED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name', RELEASED)
def test_frames_are_those_of_the_config_s_model(name):
    weights = ROOT / 'weights' / f'{RELEASED[name]}.pth'
    full = init_model(ROOT / 'configs' / f'{RELEASED[name]}.py',
                      weights if weights.is_file() else None)
    clip = list(torch.randint(0, 256, (2, 6, 9, 3)).byte().numpy())
    frames = restore_frames(load_model(name), clip)
    for ours, theirs in zip(frames, restore_frames(full, clip), strict=True):
        assert (ours == theirs).all()


def test_the_package_offers_it():
    assert dksan_mm.load_model is load_model
    assert dksan_mm.restore_frames is restore_frames
    with pytest.raises(AttributeError, match='no attribute .enhance'):
        dksan_mm.enhance


def test_weights_of_a_training_of_one_s_own(tmp_path):
    state = load_model().state_dict()
    name = 'generator.features.0.bias'
    state[name] = state[name] + 1
    torch.save(dict(state_dict=state), tmp_path / 'own.pth')
    model = load_model(checkpoint=tmp_path / 'own.pth', dtype=torch.bfloat16)
    assert torch.equal(model.state_dict()[name], state[name])
    assert model.inference_dtype == torch.bfloat16 and not model.training


def test_other_names_and_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one of dksan-s, bicubic, got 'x'"):
        load_model('x')
    with pytest.raises(UserError, match='no checkpoint file'):
        load_model(checkpoint=tmp_path / 'none.pth')
