# Copyright (c) DKSAN-MM contributors.
"""The released networks, loaded by their names."""
from pathlib import Path

import pytest
import torch

import dksan_mm
from dksan_mm.apis import init_model, restore_frames
from dksan_mm.apis.released import load_model, set_detail
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.release import DETAIL, PIXEL_NETWORKS, RELEASED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name', RELEASED)
def test_frames_are_those_of_the_config_s_model(name):
    weights = ROOT / 'weights' / f'{RELEASED[name]}.pth'
    full = init_model(ROOT / 'configs' / f'{RELEASED[name]}.py',
                      weights if weights.is_file() else None)
    clip = list(torch.randint(0, 256, (2, 6, 9, 3)).byte().numpy())
    detail = 1. if name in PIXEL_NETWORKS else None
    frames = restore_frames(load_model(name, detail=detail), clip)
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


@pytest.mark.parametrize('detail, expected', [(0, 'dksan-s'),
                                              (1, 'dksan-s-gan')])
def test_both_ends_of_the_detail_are_released_networks(detail, expected):
    found = load_model('dksan-s-gan', detail=detail).state_dict()
    path = ROOT / 'weights' / f'{RELEASED[expected]}.pth'
    weights = torch.load(path, weights_only=True)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in found)


def test_detail_lies_between(tmp_path):
    name = 'generator.features.0.bias'
    soft = load_model('dksan-s').state_dict()
    torch.save({
        key: value + 1
        for key, value in soft.items()
    }, tmp_path / 'own.pth')
    model = load_model(
        'dksan-s-gan', checkpoint=tmp_path / 'own.pth', detail=0.25)
    torch.testing.assert_close(model.state_dict()[name], soft[name] + 0.25)


def test_the_default_detail(tmp_path):
    name = 'generator.features.0.bias'
    soft, sharp, default = (
        load_model('dksan-s-gan', **settings).state_dict()
        for settings in (dict(detail=0), dict(detail=1), {}))
    torch.testing.assert_close(default[name],
                               torch.lerp(soft[name], sharp[name], DETAIL))
    torch.save(sharp, tmp_path / 'own.pth')
    own = load_model('dksan-s-gan', checkpoint=tmp_path / 'own.pth')
    assert torch.equal(own.state_dict()[name], sharp[name])


def test_detail_that_cannot_be_chosen():
    with pytest.raises(ValueError, match='dksan-s-gan, not for bicubic'):
        load_model('bicubic', detail=0.5)
    with pytest.raises(ValueError, match='from 0 to 1, got 1.5'):
        set_detail(load_model(), 'dksan-s-gan', 1.5)


def test_other_names_and_weights_are_refused(tmp_path):
    with pytest.raises(
            ValueError, match="one of dksan-s, .*, bicubic, got 'x'"):
        load_model('x')
    with pytest.raises(UserError, match='no checkpoint file'):
        load_model(checkpoint=tmp_path / 'none.pth')
