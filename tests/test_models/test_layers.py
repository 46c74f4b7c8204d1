# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
import torch.nn.functional as F
from mmagic.models import archs
from mmagic.models.utils import model_utils
from mmagic.registry import MODELS

import dksan_mm.models  # noqa: F401
from dksan_mm.models import layers
from dksan_mm.models.layers import RCAB, UpscaleX2


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
