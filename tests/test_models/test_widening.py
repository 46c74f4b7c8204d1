# Copyright (c) DKSAN-MM contributors.
"""A larger network computes the same, and its copies learn differently."""
import pytest
import torch
from torch import nn

from dksan_mm.models import DKSANNet
from dksan_mm.models.widening import widen

NARROW = dict(channels=8, num_blocks=(2, 1, 1), reduction=2, deform_groups=2)


def networks(factor, **changes):
    torch.manual_seed(0)
    narrow = DKSANNet(**NARROW)
    for name, parameter in narrow.named_parameters():
        if 'offset' in name:  # which start at zero
            nn.init.normal_(parameter, std=0.05)
    wide = dict(NARROW, channels=8 * factor, reduction=2 * factor, **changes)
    return narrow, DKSANNet(**wide)


@pytest.mark.parametrize('factor', [2, 3])
@pytest.mark.parametrize('noise', [0., 1.])
@pytest.mark.parametrize('changes', [{}, dict(num_blocks=(4, 1, 3))])
def test_frames_stay_as_they_are(factor, noise, changes):
    narrow, wide = networks(factor, **changes)
    wide.load_state_dict(widen(narrow.state_dict(), wide, noise=noise))
    narrow, wide = narrow.double(), wide.double()
    frames = torch.rand(1, 7, 3, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        expected, found = narrow.pyramid(frames), wide.pyramid(frames)
    for one, other in zip(expected, found):
        # The weights are rounded to float32.
        torch.testing.assert_close(other, one, rtol=0, atol=2e-5)
    assert expected[-1].std() > 0.1


def test_additional_blocks_receive_gradients():
    torch.manual_seed(0)
    small = DKSANNet(**NARROW)
    deep = DKSANNet(**dict(NARROW, num_blocks=(4, 1, 1)))
    deep.load_state_dict(widen(small.state_dict(), deep))
    frames = torch.rand(1, 7, 3, 6, 6)
    assert torch.equal(deep(frames), small(frames))
    deep(frames).square().mean().backward()
    for block in deep.levels[0].blocks[2:]:
        assert block.body[2].weight.grad.abs().max() > 0
        assert block.body[0].weight.abs().max() > 0


@pytest.mark.parametrize('noise, apart', [(0., False), (0.25, True)])
def test_noise_gives_the_copies_gradients_of_their_own(noise, apart):
    narrow, wide = networks(2)
    wide.load_state_dict(widen(narrow.state_dict(), wide, noise=noise))
    wide(torch.rand(1, 7, 3, 6, 6)).square().mean().backward()
    gradient = wide.levels[0].blocks[0].body[0].weight.grad
    first, second = gradient[::2], gradient[1::2]
    differ = (first - second).norm() / gradient.norm()
    assert (differ > 0.05) == apart


def test_the_same_seed_gives_the_same_weights():
    narrow, wide = networks(2)
    one, again, other = (
        widen(narrow.state_dict(), wide, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize('changes, message', [
    (dict(num_blocks=(1, 1, 1)), 'levels.0.blocks.1.* in only one'),
    (dict(num_blocks=(2, 1, 1, 1)), 'levels.3.attention.* in only one'),
    (dict(num_frames=5), 'fusion.weight .* no multiple'),
    (dict(channels=12, reduction=3), 'features.0.weight is .* no multiple'),
])
def test_another_network_is_rejected(changes, message):
    narrow, wide = DKSANNet(**NARROW), DKSANNet(**{**NARROW, **changes})
    with pytest.raises(ValueError, match=message):
        widen(narrow.state_dict(), wide)


@pytest.mark.parametrize('noise', [-0.1, float('nan'), float('inf')])
def test_noise_that_would_spoil_the_weights_is_rejected(noise):
    narrow, wide = networks(2)
    with pytest.raises(ValueError, match=f'>= 0, got {noise}'):
        widen(narrow.state_dict(), wide, noise=noise)
