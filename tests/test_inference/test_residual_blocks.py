# Copyright (c) DKSAN-MM contributors.
"""Residual blocks in bands give the results of whole feature maps."""
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dksan_mm.inference.residual_blocks import (can_cut_blocks,
                                                can_cut_extractor, extract,
                                                run_blocks)
from dksan_mm.models.layers import RCAB, Extractor, ResidualBlockNoBN, conv3x3

SIZES = [(1, 1), (2, 9), (3, 1), (17, 5), (40, 7)]
PIXELS = 64  # a map of 40 x 7 pixels has five bands
CHAINS = {
    'RCABs': (RCAB(4, 2), RCAB(4, 2), RCAB(4, 2)),
    'mixed': (ResidualBlockNoBN(4), RCAB(4, 2), ResidualBlockNoBN(4, .5)),
    'one': (RCAB(4, 2), ),
    'none': (),
}


def shaken(module: nn.Module) -> nn.Module:
    """Make all parameters matter, in float64."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=.05 if parameter.ndim == 1 else .2)
    return module.double()


def close_to(out, expected):
    assert_close(
        out,
        expected,
        rtol=0,
        atol=1e-12 * max(1,
                         expected.abs().max().item()))


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('name', CHAINS)
@torch.no_grad()
def test_blocks(name, size):
    blocks = shaken(nn.Sequential(*CHAINS[name]))
    x = torch.randn(2, 4, *size, dtype=torch.float64)
    before = x.clone()
    assert can_cut_blocks(blocks)
    out, means = run_blocks(blocks, x, PIXELS, None)
    close_to(out, blocks(x))
    assert torch.equal(x, before) and out.data_ptr() != x.data_ptr()
    assert [mean.shape for mean in means] == [(2, 4, 1, 1)] * len(blocks)


@torch.no_grad()
def test_given_means_take_the_place_of_the_map_s_own():
    blocks = shaken(nn.Sequential(*CHAINS['RCABs']))
    x = torch.randn(1, 4, 20, 5, dtype=torch.float64)
    out, means = run_blocks(blocks, x, PIXELS, None)
    same, _ = run_blocks(blocks, x, PIXELS, means)
    assert torch.equal(same, out)
    other, own = run_blocks(blocks, x, PIXELS, [mean + 1 for mean in means])
    assert (other - out).abs().max() > 1e-3
    assert torch.equal(own[0], means[0])  # what the map itself has


@pytest.mark.parametrize('size', SIZES, ids=str)
@torch.no_grad()
def test_extractor(size):
    extractor = shaken(Extractor(4))
    frame = torch.randn(2, 3, *size, dtype=torch.float64)
    assert can_cut_extractor(extractor)
    close_to(extract(extractor, frame, PIXELS), extractor(frame))


@torch.no_grad()
def test_autocast_adds_residuals_in_float32():
    blocks = nn.Sequential(*(RCAB(8, 2) for _ in range(4)))
    x = torch.randn(1, 8, 20, 9)
    exact, _ = run_blocks(blocks, x, PIXELS, None)
    with torch.autocast('cpu', torch.bfloat16):
        out, _ = run_blocks(blocks, x, PIXELS, None)
    assert out.dtype == torch.float32
    assert 0 < (out - exact).abs().max() < .02 * exact.abs().max()


def longer() -> nn.Module:
    block = RCAB(4, 2)
    block.body.append(conv3x3(4, 4))  # reads a row more than bands have
    return block


@pytest.mark.parametrize('block', [conv3x3(4, 4), longer()], ids=str)
def test_unknown_blocks_are_not_cut(block):
    assert not can_cut_blocks(nn.Sequential(RCAB(4, 2), block))
