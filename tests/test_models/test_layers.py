# Copyright (c) DKSAN-MM contributors.
import itertools

import pytest
import torch
import torch.nn.functional as F
from mmagic.models import archs
from mmagic.models.utils import model_utils
from mmagic.registry import MODELS

import dksan_mm.models  # noqa: F401
from dksan_mm.models import layers
from dksan_mm.models.layers import RCAB, UpscaleX2, smoothing


def test_rcab_follows_its_definition():
    block = RCAB(8, reduction=4).double()
    x = torch.randn(2, 8, 5, 3, dtype=torch.float64)
    first, _, second = block.body
    out = F.conv2d(x, first.weight, first.bias, padding=1).clamp(min=0)
    out = F.conv2d(out, second.weight, second.bias, padding=1)
    hidden, last = block.attention[1], block.attention[3]
    mean = out.mean((2, 3))
    hidden = (mean @ hidden.weight[:, :, 0, 0].T + hidden.bias).clamp(min=0)
    factor = 1 / (1 +
                  torch.exp(-(hidden @ last.weight[:, :, 0, 0].T + last.bias)))
    expected = x + out * factor[:, :, None, None]
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('reduction', [0, 9])
def test_rcab_rejects_a_reduction_without_hidden_channels(reduction):
    with pytest.raises(ValueError, match=rf'\[1, 8\], got {reduction}'):
        RCAB(8, reduction)


def test_upscale_doubles_the_size_and_ends_in_an_image():
    out = UpscaleX2(8)(torch.randn(2, 8, 5, 3))
    assert out.shape == (2, 3, 10, 6)


def test_smoothing_is_the_binomial_mean_of_neighbours():
    x, size = torch.randn(2, 3, 5, 4, dtype=torch.float64), (5, 4)
    out = smoothing(3).double()(x)
    share = {-1: 1 / 4, 0: 1 / 2, 1: 1 / 4}
    for row, column in itertools.product(*map(range, size)):
        expected = sum(
            share[dy] * share[dx] * x[..., row + dy, column + dx]
            for dy, dx in itertools.product(share, share)
            if 0 <= row + dy < size[0] and 0 <= column + dx < size[1])
        torch.testing.assert_close(
            out[..., row, column], expected, rtol=0, atol=1e-12)


def test_smoothing_removes_a_mesh_and_keeps_a_colour():
    mesh = torch.full((1, 3, 8, 8), 0.5)
    mesh[..., ::2, ::2] += 0.5
    mesh[..., 1::2, 1::2] -= 0.25
    inner = smoothing(3)(mesh)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5625))


def test_a_smooth_upscale_has_the_state_dict_of_a_plain_one():
    plain, smooth = UpscaleX2(8), UpscaleX2(8, smooth=True)
    smooth.load_state_dict(plain.state_dict())
    assert len(list(smooth.parameters())) == len(list(plain.parameters()))
    x = torch.randn(2, 8, 5, 3)
    torch.testing.assert_close(smooth(x), smoothing(3)(plain(x)))


def test_upscale_rejects_odd_channels():
    with pytest.raises(ValueError, match='even, got 7'):
        UpscaleX2(7)


@pytest.mark.parametrize('name', [
    'BicubicNet', 'DKCAlign', 'DKSA', 'DKSANNet', 'DeformKernelConv2d',
    'LightDKSA', 'RCAB', 'UpscaleX2', 'WindowVSR'
])
def test_every_module_is_in_the_registry_of_mmagic(name):
    assert MODELS.get(name) is getattr(dksan_mm.models, name)


@pytest.mark.parametrize('scale', [1., 0.1])
def test_convolutions_start_as_mmagic_s(scale):
    starts = []
    for initialise in (layers.default_init_weights,
                       model_utils.default_init_weights):
        torch.manual_seed(0)
        conv = torch.nn.Sequential(
            torch.nn.Conv2d(4, 5, 3), torch.nn.Conv2d(5, 4, 1, bias=False))
        initialise(conv, scale)
        starts.append(dict(conv.state_dict()))
    torch.testing.assert_close(*starts, rtol=0, atol=0)


@pytest.mark.parametrize('res_scale', [1., 0.5])
def test_residual_block_is_mmagic_s(res_scale):
    blocks = []
    for kind in (layers.ResidualBlockNoBN, archs.ResidualBlockNoBN):
        torch.manual_seed(0)
        blocks.append(kind(8, res_scale))
    states = [dict(block.state_dict()) for block in blocks]
    torch.testing.assert_close(*states, rtol=0, atol=0)
    x = torch.rand(2, 8, 5, 6)
    assert torch.equal(*(block(x) for block in blocks))
