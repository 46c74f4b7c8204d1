# Copyright (c) DKSAN-MM contributors.
"""The evaluator gives the results of the network, even if it is changed."""
import copy
import pickle

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.testing import assert_close

from dksan_mm.apis import restore_frames
from dksan_mm.inference import DKSANEvaluator
from dksan_mm.models import DKSANNet
from dksan_mm.models.dksan.dkc_align import OffsetFeature
from dksan_mm.models.layers import RCAB

NETS = {
    'dksan': dict(),
    'wo_channel_attention': dict(channel_attention=False),
    'backbone': dict(channel_attention=False, align=False, dksa=False),
    'smooth': dict(smooth_scales=(4, 8)),
}
SMALL = dict(channels=8, num_blocks=(2, 1, 1), reduction=2, deform_groups=2)


def shaken(module: nn.Module) -> nn.Module:
    """Make all parameters matter, in float64."""
    for name, parameter in module.named_parameters():
        small = 'offset' in name or parameter.ndim == 1
        nn.init.normal_(parameter, std=.05 if small else .2)
    return module.double()


@pytest.fixture
def net() -> DKSANNet:
    return shaken(DKSANNet(**SMALL))


def window(size=(9, 4)) -> Tensor:
    return torch.rand(2, 7, 3, *size, dtype=torch.float64)


@torch.no_grad()
def check(net: nn.Module, size=(9, 4), scale=None) -> Tensor:
    """Return the evaluator's frames, which must equal the network's."""
    frames = window(size)
    expected = net(frames)
    out = DKSANEvaluator(net, band_pixels=64)(frames)
    assert_close(
        out,
        expected,
        rtol=0,
        atol=1e-10 * max(1,
                         expected.abs().max().item()))
    return out


@pytest.mark.parametrize('settings', NETS.values(), ids=NETS)
@pytest.mark.parametrize('size', [(1, 1), (5, 7), (9, 4)], ids=str)
def test_it_gives_what_the_network_gives(settings, size):
    check(shaken(DKSANNet(**SMALL, **settings)), size)


@pytest.mark.parametrize('scale', [2, 4, 8])
@torch.no_grad()
def test_scales(net, scale):
    evaluator, frames = DKSANEvaluator(net, band_pixels=64), window()
    fused = evaluator.fuse([evaluator.extract(x) for x in frames.unbind(1)])
    out, means = evaluator.reconstruct(frames[:, 3], fused, scale=scale)
    assert_close(out, net(frames, scale=scale), rtol=0, atol=1e-9)
    assert len(means) == (2, 4, 8).index(scale) + 1


def test_a_hook_on_any_convolution_is_called(net):
    for name, layer in list(net.named_modules()):
        if not isinstance(layer, nn.Conv2d):
            continue
        calls = []
        handle = layer.register_forward_hook(
            lambda module, inputs, out, calls=calls: calls.append(out.shape))
        check(net)
        handle.remove()
        assert len(calls) >= 2, name  # in the network and in the evaluator


def test_what_hooks_keep_is_not_written_to(net):
    kept, level = [], net.levels[1]
    for module in (*level.blocks, level.attention,
                   level.attention.attention[-1], level.upscale):
        module.register_forward_hook(lambda module, inputs, out: kept.append(
            [(x, x.clone()) for x in (*inputs, out)]))
    check(net)
    assert len(kept) == 2 * 4
    for pairs in kept:
        assert all(torch.equal(x, copied) for x, copied in pairs)


def test_a_hook_that_changes_an_output_counts(net):
    plain = check(net)
    for module in (net, net.levels[2], net.levels[0].blocks[1],
                   net.levels[1].extractor, net.fusion):
        handle = module.register_forward_hook(lambda module, _, out: out + 1)
        assert (check(net) - plain).abs().max() > 1e-3, module
        handle.remove()


class LoRA(nn.Conv2d):
    """A convolution with an addition, as in adapters."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.5


def test_subclassed_convolutions_are_used(net):
    for name, layer in list(net.named_modules()):
        if type(layer) is nn.Conv2d:
            before = layer.__class__
            layer.__class__ = LoRA
            check(net)
            layer.__class__ = before


class Blocks(nn.Module):
    """A kind of block that the evaluator does not support."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x).tanh()


class Doubled(RCAB):
    """A subclass of a block that it supports."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    'block', [Blocks(), Doubled(8, 2), nn.Identity()], ids=str)
def test_unknown_blocks_are_called(net, block):
    net.levels[0].blocks[1] = block.double()
    net.levels[2].blocks[0] = block.double()
    check(net)


def test_unknown_parts_are_called(net):
    net.levels[1].attention = nn.Sigmoid()
    net.levels[1].upscale = nn.Upsample(scale_factor=2)
    net.levels[1].upscale.register_forward_hook(
        lambda module, _, out: out[:, :3])
    net.levels[2].extractor = nn.Conv2d(3, 8, 5, padding=2).double()
    check(net)


@torch.no_grad()
def test_the_alignment_s_first_convolution_is_taken_once_a_frame(
        net, monkeypatch):
    share, calls = OffsetFeature.share, []

    def spy(self, features, as_reference=False):
        calls.append(as_reference)
        return share(self, features, as_reference)

    monkeypatch.setattr(OffsetFeature, 'share', spy)
    evaluator = DKSANEvaluator(net, band_pixels=64)
    features = [evaluator.extract(x) for x in window().unbind(1)]
    assert calls == 7 * [False]
    for _ in range(2):  # two windows of the same frames
        evaluator.fuse(features)
    assert calls == 7 * [False] + 2 * [True]


def test_it_takes_no_gradients(net):
    frames = window().requires_grad_()
    evaluator = DKSANEvaluator(net, band_pixels=64)
    assert_close(evaluator(frames), net(frames).detach())
    features = [evaluator.extract(frame) for frame in frames.unbind(1)]
    fused = evaluator.fuse(features)
    out, _ = evaluator.reconstruct(frames[:, 3], fused)
    assert not (evaluator(frames).requires_grad or fused.requires_grad
                or out.requires_grad)


def test_whole_maps_are_the_plain_network(net):
    frames = window()
    with torch.no_grad():
        assert torch.equal(
            DKSANEvaluator(net, band_pixels=None)(frames), net(frames))


def test_checkpointing_in_training_changes_nothing_here(net):
    other = DKSANNet(**SMALL, with_cp=True).double()
    other.load_state_dict(net.state_dict())
    frames = window()
    with torch.no_grad():
        assert torch.equal(*(DKSANEvaluator(each, band_pixels=64)(frames)
                             for each in (net, other)))


@pytest.mark.parametrize('pixels', [0, -1])
def test_wrong_bands(net, pixels):
    with pytest.raises(ValueError, match=f'got {pixels}'):
        DKSANEvaluator(net, band_pixels=pixels)


@pytest.fixture
def model():
    init_default_scope('mmagic')
    return MODELS.build(
        dict(
            type='WindowVSR',
            generator=dict(type='DKSANNet', **SMALL),
            evaluator=dict(type='DKSANEvaluator', band_pixels=64),
            pixel_loss=dict(type='CharbonnierLoss'),
            data_preprocessor=dict(
                type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3)))


def test_a_model_has_one_set_of_parameters(model):
    assert all(name.startswith('generator.') for name in model.state_dict())
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.evaluator.network is other.generator
        assert other.generator is not model.generator


def test_gradients_take_the_network(model, monkeypatch):
    monkeypatch.setattr(DKSANEvaluator, '__call__', None)
    frames = window().float()
    assert model.forward_tensor(frames).requires_grad
    with torch.no_grad(), pytest.raises(TypeError):
        model.forward_tensor(frames)


def test_streaming_is_the_same_with_any_evaluator(model):
    frames = list(
        np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), np.uint8))
    expected = list(restore_frames(model, frames))
    model.evaluator = None
    for frame, same in zip(restore_frames(model, frames), expected):
        assert np.abs(frame.astype(int) - same).max() <= 1
