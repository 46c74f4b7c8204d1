# Copyright (c) DKSAN-MM contributors.
"""Chains in bands of rows give the results of whole feature maps."""
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dksan_mm.inference.bands import (Rows, add_chain, can_cut, reach,
                                      run_layers, spans, take_rows)
from dksan_mm.models.layers import UpscaleX2, conv3x3

SIZES = [(1, 1), (2, 9), (3, 1), (17, 5), (40, 7)]
PIXELS = 64  # a map of 40 x 7 pixels has five bands
CHAINS = {
    'upscale':
    UpscaleX2(4),
    'deeper':
    nn.Sequential(*(conv3x3(4, 4) for _ in range(5)), nn.ReLU()),
    'shuffled twice':
    nn.Sequential(
        conv3x3(4, 16), nn.PixelShuffle(2), conv3x3(4, 16), nn.PixelShuffle(2),
        nn.Conv2d(4, 3, 1), nn.Sigmoid())
}


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('name', CHAINS)
@torch.no_grad()
def test_chains(name, size):
    chain = CHAINS[name].double()
    for parameter in chain.parameters():
        nn.init.normal_(parameter, std=.2)
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    before = x.clone()
    assert can_cut(chain)
    expected = chain(x)
    total = torch.ones_like(expected)
    add_chain(chain, x, PIXELS, total)
    assert_close(
        total,
        1 + expected,
        rtol=0,
        atol=1e-12 * max(1,
                         expected.abs().max().item()))
    assert torch.equal(x, before)


@pytest.mark.parametrize('size', [(1, 1), (1, 1000), (7, 3), (64, 64),
                                  (33, 500)])
def test_bands_cover_a_map(size):
    edges = spans(*size, PIXELS)
    assert edges[0][0] == 0 and edges[-1][1] == size[0]
    assert all(a[1] == b[0] for a, b in zip(edges, edges[1:]))
    assert min(stop - start for start, stop in edges) >= min(2, size[0])


@pytest.mark.parametrize('start, stop', [(0, 3), (4, 7), (9, 12), (0, 12)])
@torch.no_grad()
def test_layers_on_some_rows(start, stop):
    layers = [
        conv3x3(2, 8),
        nn.PixelShuffle(2),
        nn.LeakyReLU(.1),
        conv3x3(2, 3),
        nn.Conv2d(3, 3, 1)
    ]
    x = torch.randn(1, 2, 12, 5)
    expected = nn.Sequential(*layers)(x)[:, :, 2 * start:2 * stop]
    rows = run_layers(layers, take_rows(x, start, stop, 2))
    assert isinstance(rows, Rows) and rows.height == 24
    assert_close(rows.crop(2 * start, 2 * stop), expected, rtol=0, atol=1e-5)


def test_reach_counts_rows_of_the_input():
    assert reach(UpscaleX2(4)) == 2  # 1 + 1/2 + 1/2
    assert reach([nn.Conv2d(4, 4, 1), nn.ReLU()]) == 0


class Subclass(nn.Conv2d):
    """Layer like a quantised or adapted one."""


def hooked() -> nn.Module:
    conv = conv3x3(4, 4)
    conv.register_forward_hook(lambda *_: None)
    return conv


@pytest.mark.parametrize('layer', [
    nn.Conv2d(4, 4, 3, stride=2, padding=1),
    nn.Conv2d(4, 4, 3),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode='reflect'),
    nn.Conv2d(4, 4, 5, padding=2),
    nn.BatchNorm2d(4),
    Subclass(4, 4, 3, padding=1),
    hooked(),
    nn.utils.parametrizations.spectral_norm(conv3x3(4, 4)),
], ids=str)  # yapf: disable
def test_what_must_not_be_cut(layer):
    assert not can_cut([conv3x3(4, 4), layer])
