# Copyright (c) DKSAN-MM contributors.
"""Models from their configs and checkpoints."""
import pytest
import torch
from helpers.training_steps import DKSAN
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dksan_mm.analysis.complexity import count_cost
from dksan_mm.comparison.models import (build_model, count_multiply_adds,
                                        count_parameters, device_name,
                                        find_device)
from dksan_mm.comparison.request import ModelSpec
from dksan_mm.utils.errors import UserError

SPEC = ModelSpec('a', 'a.py')


def config_of(**generator):
    init_default_scope('mmagic')
    return Config(
        dict(
            model=dict(
                type='WindowVSR',
                generator=generator,
                pixel_loss=dict(type='CharbonnierLoss'))))


def test_parameters_of_a_discriminator_do_not_count():
    model = torch.nn.Module()
    model.generator = torch.nn.Linear(3, 2)
    model.discriminator = torch.nn.Linear(5, 5)
    assert count_parameters(model) == 3 * 2 + 2


def test_devices():
    assert find_device('cpu') == torch.device('cpu')
    assert find_device(None).type in ('cpu', 'cuda')
    assert device_name(torch.device('cpu')) == 'cpu'
    for name in ('nonsense', 'cuda:999'):
        with pytest.raises(UserError, match=f'--device {name}: '):
            find_device(name)


def test_a_model_without_a_checkpoint_is_as_a_training_begins():
    config = config_of(**DKSAN)
    (first, untrained), (second, _) = (
        build_model(config, SPEC) for _ in range(2))
    assert untrained
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name
    # Nothing of it has to be trained.
    assert not build_model(config_of(type='BicubicNet'), SPEC)[1]


def test_a_model_with_its_checkpoint(tmp_path):
    config, path = config_of(**DKSAN), str(tmp_path / 'a.pth')
    start, _ = build_model(config, SPEC)
    given = {
        name: torch.rand_like(value) if value.is_floating_point() else value
        for name, value in start.state_dict().items()
    }
    torch.save(dict(state_dict=given), path)
    model, untrained = build_model(config, ModelSpec('a', 'a.py', path))
    assert not untrained
    for name, value in model.state_dict().items():
        assert torch.equal(given[name], value), name
    other = config_of(**dict(DKSAN, channels=16))
    with pytest.raises(UserError, match='a.pth'):
        build_model(other, ModelSpec('a', 'a.py', path))


@pytest.mark.parametrize('generator', [
    dict(type='NoSuchNet'),
    dict(type='DKSANNet', channels='many'),
    dict(type='DKSANNet', chanels=8),
])
def test_a_config_of_no_network_is_named(generator):
    with pytest.raises(UserError, match='a.py does not describe a network'):
        build_model(config_of(**generator), SPEC)


def test_multiply_adds_are_counted_where_they_can_be():
    model, _ = build_model(config_of(**DKSAN), SPEC)
    counted = count_multiply_adds(model, [6, 8])
    assert counted == count_cost(model, (6, 8))['multiply_adds'] > 0
    assert count_multiply_adds(model, [0, 8]) is None
