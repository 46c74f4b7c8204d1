# Copyright (c) DKSAN-MM contributors.
"""Scale factors of a network."""
import pytest
import torch

from dksan_mm.models import BicubicNet, DKSANNet, EDVRX16Net
from dksan_mm.models.scales import (choose_ensemble_scale, choose_model_scale,
                                    choose_scale, scale_argument, scales_of,
                                    upscale_further)


def dksan(**settings):
    return DKSANNet(
        channels=8,
        num_blocks=(1, 1, 1, 1),
        deform_groups=2,
        reduction=4,
        **settings)


def test_a_cascade_has_several_scales():
    network = dksan()
    assert scales_of(network) == (2, 4, 8, 16)
    assert choose_scale(network, None) == network.scale == 16
    for scale in (2, 4, 8, 16):
        assert choose_scale(network, scale) == scale
    assert isinstance(choose_scale(network, 4.), int)
    assert scale_argument(network, 4) == dict(scale=4)


def test_a_config_chooses_the_scale_of_its_model():
    model = torch.nn.Module()
    model.generator = dksan()
    assert choose_model_scale(model, None) == 16
    model.test_scale = 4
    assert choose_model_scale(model, None) == 4
    assert choose_model_scale(model, 2) == 2
    with pytest.raises(ValueError, match='got scale=3'):
        choose_model_scale(model, 3)
    with pytest.raises(TypeError, match='load_model .*, got DKSANNet$'):
        choose_model_scale(model.generator, 4)


def test_earlier_levels_are_left_out():
    assert scales_of(dksan(min_scale=8)) == (8, 16)
    network = dksan(min_scale=16)
    assert scales_of(network) == (16, )
    frames = torch.rand(1, 7, 3, 2, 3)
    assert network(frames).shape == (1, 3, 32, 48)
    assert len(network.pyramid(frames, scale=16)) == 4
    # Which may still be trained.
    assert network.level_scales == (2, 4, 8, 16)
    assert network(frames, scale=4).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match='upscales by 16, got scale=4'):
        choose_scale(network, 4)
    for scale in (1, 3, 32):
        with pytest.raises(ValueError, match=f'min_scale .* got {scale}'):
            dksan(min_scale=scale)


def edvr():
    return EDVRX16Net(
        channels=8,
        num_blocks=1,
        num_extract_blocks=1,
        deform_groups=2,
        tail_channels=8)


def test_edvr_has_one():
    network = edvr()
    assert scales_of(network) == (16, )
    assert choose_scale(network, 16) == choose_scale(network, None) == 16
    assert scale_argument(network, 16) == scale_argument(network, None) == {}


@pytest.mark.parametrize('make', [dksan, BicubicNet])
@pytest.mark.parametrize('scale', [3, 32])
def test_other_scales_are_refused(make, scale):
    network = make()
    with pytest.raises(
            ValueError,
            match=f'{type(network).__name__} upscales by .*, got scale={scale}'
    ):
        choose_scale(network, scale)


def test_an_ensemble_may_end_at_a_level():
    network = dksan()
    assert choose_ensemble_scale(network, False, 16) is None
    assert choose_ensemble_scale(network, True, 8) == 8
    assert choose_ensemble_scale(network, 4, 16) == 4
    assert choose_ensemble_scale(network, 4, 2) == 2
    found = choose_ensemble_scale(network, 4., 16)
    assert found == 4 and isinstance(found, int)
    for other in (0, 1, 3, 32, 'yes'):
        with pytest.raises(
                ValueError,
                match=f'True, False, 2, 4, 8, 16 for .*, got {other!r}$'):
            choose_ensemble_scale(network, other, 16)
    for single in (edvr(), BicubicNet()):
        name = type(single).__name__
        with pytest.raises(ValueError, match=f'False for {name}, got 4$'):
            choose_ensemble_scale(single, 4, 16)
        assert choose_ensemble_scale(single, True, 16) == 16


@torch.no_grad()
def test_later_levels_continue_from_a_frame():
    torch.manual_seed(0)
    network = dksan().double().eval()
    frames = torch.rand(1, 7, 3, 3, 4, dtype=torch.float64)
    pyramid = network.pyramid(frames)
    for start, frame in zip((2, 4, 8, 16), pyramid):
        torch.testing.assert_close(
            upscale_further(network, frame, start, 16), pyramid[-1])
    torch.testing.assert_close(
        upscale_further(network, pyramid[0], 2, 8), pyramid[2])
    for start, scale in ((3, 16), (0, 16), (8, 4), (4, 5)):
        with pytest.raises(ValueError, match='scale must be one of'):
            upscale_further(network, pyramid[1], start, scale)
