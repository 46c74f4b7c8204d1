# Copyright (c) DKSAN-MM contributors.
"""Checkpoints of other projects, and files that are no checkpoints."""
import pytest
import torch
from torch import nn

from dksan_mm.engine.runner.checkpoint import load_weights, read_checkpoint
from dksan_mm.utils.errors import UserError


class Model(nn.Module):
    """A model with a generator, as in mmagic."""

    def __init__(self, channels=2, counter=False):
        super().__init__()
        self.generator = nn.Linear(channels, 2)
        if counter:
            self.register_buffer('step_counter', torch.tensor(0))


def weights():
    model = Model()
    nn.init.constant_(model.generator.weight, 3)
    return model.state_dict()


def generator_alone():
    return {
        name.removeprefix('generator.'): value
        for name, value in weights().items()
    }


@pytest.mark.parametrize('counter', [False, True])
@pytest.mark.parametrize('content', [
    weights(),
    generator_alone(),
    dict(state_dict=generator_alone()),
    dict(state_dict=dict(weights(), step_counter=torch.tensor(9))),
    {
        f'module.{name}': value
        for name, value in weights().items()
    },
    {
        f'module._orig_mod.{name}': value
        for name, value in generator_alone().items()
    },
    dict(params_ema=generator_alone(), params={}),
    dict(model=weights(), epoch=3),
    dict(weights(), epoch=3),
])
def test_variants_are_loaded(tmp_path, content, counter):
    torch.save(content, tmp_path / 'c.pth')
    model = Model(counter=counter)
    load_weights(model, str(tmp_path / 'c.pth'))
    assert (model.generator.weight == 3).all()


def test_safetensors(tmp_path):
    from safetensors.torch import save_file
    save_file(weights(), tmp_path / 'c.safetensors')
    model = Model()
    load_weights(model, str(tmp_path / 'c.safetensors'))
    assert (model.generator.weight == 3).all()


@pytest.mark.parametrize('value', ['nan', 'inf'])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    state = weights()
    state['generator.bias'][1] = float(value)
    torch.save(state, tmp_path / 'c.pth')
    with pytest.raises(UserError, match='generator.bias contains values'):
        load_weights(Model(), str(tmp_path / 'c.pth'))


def test_the_first_difference_is_named(tmp_path):
    torch.save(Model(5).state_dict(), tmp_path / 'c.pth')
    with pytest.raises(
            UserError,
            match='another model .*: generator.weight is 2x5 there, 2x2 here'):
        load_weights(Model(), str(tmp_path / 'c.pth'))


@pytest.mark.parametrize('content, match', [
    (b'version https://git-lfs.github.com/spec/v1\n',
     'placeholder of Git LFS'),
    (b'\n<!DOCTYPE html><html>', 'is a web page, no checkpoint'),
    (b'PK\3\4', 'is damaged or no checkpoint'),
    (b'', 'is damaged or no checkpoint'),
])
def test_files_that_are_no_checkpoints(tmp_path, content, match):
    (tmp_path / 'c.pth').write_bytes(content)
    with pytest.raises(UserError, match=match):
        read_checkpoint(str(tmp_path / 'c.pth'))
