# Copyright (c) DKSAN-MM contributors.
"""Cascades in tiles."""
import pytest
import torch
from torch.testing import assert_close

from dksan_mm.inference import tiles as tiles_module
from dksan_mm.inference.base import WholeWindowEvaluator
from dksan_mm.inference.dksan_evaluator import DKSANEvaluator
from dksan_mm.inference.tiles import Tiles, choose_tiles, free_memory
from dksan_mm.models import BicubicNet, DKSANNet, EDVRX16Net

CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def net() -> DKSANEvaluator:
    torch.manual_seed(4)
    net = DKSANNet(8, (1, 1), reduction=2, deform_groups=2)
    for name, parameter in net.named_parameters():
        small = 'offset' in name or parameter.ndim == 1
        torch.nn.init.normal_(parameter, std=.02 if small else .1)
    return DKSANEvaluator(net.double().eval())


def inputs(size, channels=8):
    generator = torch.Generator().manual_seed(5)
    return [
        torch.rand(1, c, *size, generator=generator, dtype=torch.float64)
        for c in (3, channels)
    ]


@torch.no_grad()
def test_tiles_are_the_whole_where_there_is_no_attention():
    net = DKSANEvaluator(
        DKSANNet(
            8, (1, 1), channel_attention=False, dksa=False,
            deform_groups=2).double())
    frame, fused = inputs((31, 26))
    expected = net.reconstruct(frame, fused)[0]
    for halo, exact in ((8, True), (1, False)):
        out = Tiles(net, 9, halo).reconstruct(frame, fused)
        assert (abs(out - expected).max() < 1e-12) == exact


@torch.no_grad()
def test_shared_means_bring_tiles_closer_than_their_own(net):
    frame, fused = inputs((40, 36))
    fused[..., :18] *= 3  # one half unlike the other
    expected = net.reconstruct(frame, fused)[0]
    error = {
        shared:
        abs(Tiles(net, 18, 8, shared).reconstruct(frame, fused) -
            expected).mean()
        for shared in (True, False)
    }
    assert error[True] < error[False]


@torch.no_grad()
def test_tiles_of_a_level_that_says_no_means(net):
    """A level with hooks keeps its own means; the others share theirs."""
    frame, fused = inputs((20, 18))
    calls = []
    handle = net.network.levels[0].blocks[0].register_forward_hook(
        lambda *_: calls.append(1))
    out = Tiles(net, 9, 16).reconstruct(frame, fused)
    handle.remove()
    expected = net.reconstruct(frame, fused)[0]
    assert len(calls) == 2 * 6
    assert 0 < abs(out - expected).max() < .1 * abs(expected).max()


@torch.no_grad()
def test_tiles_of_an_early_scale(net):
    frame, fused = inputs((20, 18))
    out = Tiles(net, 9, 16).reconstruct(frame, fused, scale=2)
    expected = net.reconstruct(frame, fused, scale=2)[0]
    assert out.shape == expected.shape
    assert abs(out - expected).max() < .1 * abs(expected).max()


def test_networks_without_a_cascade_get_the_whole_frame():
    evaluator = WholeWindowEvaluator(BicubicNet())
    assert choose_tiles(evaluator, 8, (20, 20), CPU) is None
    with torch.device('meta'):
        evaluator = WholeWindowEvaluator(EDVRX16Net(8, 1, tail_channels=4))
    assert choose_tiles(evaluator, 8, (20, 20), CPU).side == 8


@torch.no_grad()
def test_one_tile_is_the_whole_frame(net):
    frame, fused = inputs((7, 12))
    out = Tiles(net, 12).reconstruct(frame, fused)
    assert_close(out, net.reconstruct(frame, fused)[0], rtol=0, atol=0)


@pytest.mark.parametrize('size', [(1, 1), (10, 3), (33, 64)])
@pytest.mark.parametrize('side', [1, 10, 32])
def test_boxes_cover_each_pixel_once(net, size, side):
    seen = torch.zeros(size, dtype=torch.int)
    for rows, columns in Tiles(net, side, 4).boxes(*size):
        assert rows.stop - rows.start <= side
        assert 0 <= rows.first <= rows.start and rows.stop <= rows.last
        assert rows.last <= size[0] and columns.last <= size[1]
        seen[rows.start:rows.stop, columns.start:columns.stop] += 1
    assert (seen == 1).all()


def test_choice_of_tiles(net, monkeypatch):
    assert choose_tiles(net, None, (500, 500), CPU) is None
    assert choose_tiles(net, 64, (60, 64), CPU) is None
    assert choose_tiles(net, 64, (60, 65), CPU).side == 64
    assert choose_tiles(net, 'auto', (20, 20), CPU) is None
    monkeypatch.setattr(tiles_module, 'free_memory', lambda device: 10**9)
    side = choose_tiles(net, 'auto', (2000, 2000), CPU).side
    with_halo = (side + 2 * tiles_module.HALO)**2 * net.bytes_per_pixel
    assert .5e9 < with_halo <= .6e9
    # Earlier levels' maps are smaller.
    side = choose_tiles(net, 'auto', (9000, 9000), CPU,
                        net.network.scale // 2).side
    with_halo = (side + 2 * tiles_module.HALO)**2 * net.bytes_per_pixel
    assert 4 * .5e9 < with_halo <= 4 * .6e9


def test_a_network_of_unknown_need_gets_the_whole_frame():
    assert choose_tiles(
        WholeWindowEvaluator(torch.nn.Identity()), 'auto', (2000, 2000),
        CPU) is None


@pytest.mark.parametrize('tile', [0, -3, 2.5, 'large', True])
def test_wrong_tile(net, tile):
    with pytest.raises(ValueError, match=str(tile)):
        choose_tiles(net, tile, (9, 9), CPU)


def test_free_memory_is_plausible():
    assert 2**26 < free_memory(CPU) < 2**45
