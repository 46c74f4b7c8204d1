# Copyright (c) DKSAN-MM contributors.
"""Modules whose calls do what their classes state."""
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils.parametrizations import weight_norm

from dksan_mm.models.checkpointing import checkpoint_activations
from dksan_mm.models.utils import is_plain, is_untouched


def nothing(*_):
    return None


class Scaled(nn.Conv2d):
    """A subclass like a quantised or adapted layer."""


def test_torchs_own_layers_are_plain():
    for layer in (nn.Conv2d(2, 2, 3), nn.ReLU(), nn.PixelShuffle(2)):
        assert is_plain(layer) and is_untouched(layer)


@pytest.mark.parametrize('make', [
    lambda: Scaled(2, 2, 3),
    lambda: weight_norm(nn.Conv2d(2, 2, 3)),
])
def test_other_layers_must_be_called(make):
    assert is_untouched(make()) and not is_plain(make())


@pytest.mark.parametrize(
    'register', ['register_forward_hook', 'register_forward_pre_hook'])
def test_hooks_must_not_be_passed_over(register):
    layer = nn.Conv2d(2, 2, 3)
    handle = getattr(layer, register)(nothing)
    assert not is_untouched(layer) and not is_plain(layer)
    handle.remove()
    assert is_plain(layer)


def test_nor_must_hooks_of_all_modules():
    handle = register_module_forward_hook(nothing)
    try:
        assert not is_untouched(nn.ReLU())
    finally:
        handle.remove()
    assert is_untouched(nn.ReLU())


def test_a_forward_of_its_own_must_be_called():
    layer, chain = nn.Conv2d(2, 2, 3), nn.Sequential(nn.ReLU())
    # Checkpointing changes no value, another one may.
    checkpoint_activations([layer], [chain])
    assert is_untouched(layer) and is_untouched(chain)
    layer.forward = torch.relu
    assert not is_untouched(layer)
