# Copyright (c) DKSAN-MM contributors.
"""Evaluation in bands of rows gives what whole maps give."""
import pytest
import torch
from compare import assert_close
from mmagic.models.archs import ResidualBlockNoBN
from torch import nn

from dksan_mm import bands as bands_module
from dksan_mm.bands import (Rows, in_bands, run_layers, spans, take_rows,
                            whole_maps)
from dksan_mm.models import DKSANNet
from dksan_mm.models.layers import RCAB, Extractor, Trunk, UpscaleX2, conv3x3

SIZES = [(1, 1), (2, 9), (3, 1), (17, 5), (40, 7)]
NETS = {
    'dksan': dict(),
    'wo_channel_attention': dict(channel_attention=False),
    'backbone': dict(channel_attention=False, align=False, dksa=False),
}


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    """So that a map of 40 x 7 pixels has five bands."""
    monkeypatch.setattr(bands_module, 'BAND_PIXELS', 64)


def shaken(module: nn.Module) -> nn.Module:
    """With parameters that all matter, in float64."""
    for name, parameter in module.named_parameters():
        small = 'offset' in name or parameter.ndim == 1
        nn.init.normal_(parameter, std=.05 if small else .2)
    return module.double()


def whole_and_bands(module, x):
    with torch.no_grad():
        with whole_maps():
            expected = module(x)
        return module(x), expected


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('module', [
    Trunk(RCAB(4, 2), RCAB(4, 2), RCAB(4, 2)),
    Trunk(ResidualBlockNoBN(4), RCAB(4, 2), ResidualBlockNoBN(4, .5)),
    Trunk(RCAB(4, 2)),
    UpscaleX2(4),
    Extractor(4),
], ids=['RCABs', 'mixed', 'one', 'upscale', 'extractor'])  # yapf: disable
def test_modules(module, size):
    channels = 3 if isinstance(module, Extractor) else 4
    x = torch.randn(2, channels, *size, dtype=torch.float64)
    before = x.clone()
    out, expected = whole_and_bands(shaken(module), x)
    assert_close(
        out, expected, atol=1e-12 * max(1,
                                        expected.abs().max().item()))
    assert torch.equal(x, before)


@pytest.mark.parametrize('settings', NETS.values(), ids=NETS)
@pytest.mark.parametrize('size', [(1, 1), (5, 7), (9, 4)], ids=str)
def test_networks(settings, size):
    net = DKSANNet(8, (2, 1, 1), reduction=2, deform_groups=2, **settings)
    x = torch.rand(2, 7, 3, *size, dtype=torch.float64)
    out, expected = whole_and_bands(shaken(net), x)
    assert_close(
        out, expected, atol=1e-10 * max(1,
                                        expected.abs().max().item()))


def test_gradients_take_whole_maps():
    assert not in_bands()
    with torch.no_grad():
        assert in_bands()
        with whole_maps():
            assert not in_bands()
        assert in_bands()


@pytest.mark.parametrize('size', [(1, 1), (1, 1000), (7, 3), (64, 64),
                                  (33, 500)])
def test_bands_cover_a_map(size):
    edges = spans(*size)
    assert edges[0][0] == 0 and edges[-1][1] == size[0]
    assert all(a[1] == b[0] for a, b in zip(edges, edges[1:]))
    assert min(stop - start for start, stop in edges) >= min(2, size[0])


@pytest.mark.parametrize('start, stop', [(0, 3), (4, 7), (9, 12), (0, 12)])
def test_layers_on_some_rows(start, stop):
    layers = [
        conv3x3(2, 8),
        nn.PixelShuffle(2),
        nn.LeakyReLU(.1),
        conv3x3(2, 3),
        nn.Conv2d(3, 3, 1)
    ]
    x = torch.randn(1, 2, 12, 5)
    with torch.no_grad():
        expected = nn.Sequential(*layers)(x)[:, :, 2 * start:2 * stop]
        rows = run_layers(layers, take_rows(x, start, stop, 2))
    assert isinstance(rows, Rows) and rows.height == 24
    assert_close(rows.crop(2 * start, 2 * stop), expected, atol=1e-5)


def test_autocast_adds_residuals_in_float32():
    trunk = Trunk(*(RCAB(8, 2) for _ in range(4)))
    x = torch.randn(1, 8, 20, 9)
    with torch.no_grad():
        exact = trunk(x)
        with torch.autocast('cpu', torch.bfloat16):
            out = trunk(x)
    assert out.dtype == torch.float32
    assert 0 < (out - exact).abs().max() < .02 * exact.abs().max()
