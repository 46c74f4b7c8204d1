# Copyright (c) DKSAN-MM contributors.
"""Permitted and forbidden effects of half precision.

bfloat16 rounds to 8 bits, at most a part in 512.
"""
import copy

import pytest
import torch
import torch.nn.functional as F
from helpers.training_steps import DKSAN, EDVR, build_model, draw_batch

from dksan_mm.engine.hooks.offsets import predictors

NETWORKS = dict(
    dksan=DKSAN,
    backbone=dict(DKSAN, align=False, dksa=False, channel_attention=False),
    edvr=EDVR)


def autocast():
    return torch.autocast('cpu', torch.bfloat16)


def build(name):
    """Build a network in float32, and the same in float64."""
    network = build_model(NETWORKS[name], torch.float32).generator
    return network, copy.deepcopy(network).double()


def deep(name):
    """Return narrow networks with as many blocks as the paper's."""
    if name == 'edvr':
        return dict(EDVR, num_blocks=40)
    return dict(DKSAN, num_blocks=(30, 20, 15, 10))


def skip_of(name, frame):
    """Return the x16 frame to which a network adds its residual."""
    steps, mode = ([16], 'bilinear') if name == 'edvr' else \
        ([2] * 4, 'bicubic')
    for scale in steps:
        frame = F.interpolate(
            frame, scale_factor=scale, mode=mode, align_corners=False)
    return frame


@pytest.mark.parametrize('name', NETWORKS)
def test_the_frame_itself_is_never_rounded_to_half_precision(name):
    """On frames of about 1, a residual of 1e-3 is accurate to a tenth."""
    network, exact = build(name)
    frames = 0.98 + 0.01 * torch.rand(1, 7, 3, 4, 4)
    skip = skip_of(name, frames[:, 3].double())
    for level in list(getattr(network, 'levels', []))[:-1]:
        torch.nn.init.zeros_(level.upscale[-1].weight)
    exact.load_state_dict(network.state_dict())
    residual = (exact(frames.double()) - skip).abs().max()
    for net in (network, exact):
        last = net.conv_last if name == 'edvr' else net.levels[-1].upscale[-1]
        last.weight.data *= 1e-3 / residual
        last.bias.data *= 1e-3 / residual
    with autocast():
        output = network(frames).detach()
    assert output.dtype == torch.float32
    assert float((output - skip).abs().max()) == pytest.approx(1e-3, rel=0.1)
    assert (output - exact(frames.double())).abs().max() < 1e-4


@pytest.mark.parametrize('name', ['dksan', 'edvr'])
def test_the_error_does_not_grow_with_every_block(name):
    """Many small residuals are added to a sum that keeps their bits."""
    network = build_model(deep(name), torch.float32).generator
    exact = copy.deepcopy(network).double()
    trunks = [net.reconstruction if name == 'edvr' else net.levels[0].blocks
              for net in (network, exact)]  # yapf: disable
    x = torch.randn(1, 8, 16, 16)
    with autocast():
        if name == 'edvr':
            outputs = []
            network.upsample1.register_forward_pre_hook(
                lambda module, inputs: outputs.append(inputs[0]))
            network.reconstruct(torch.rand(1, 3, 16, 16), x)
            output = outputs[0]
        else:
            output = trunks[0](x)
    expected = trunks[1](x.double())
    change = (expected - x).abs().mean()
    assert output.dtype == torch.float32
    assert (output - expected).abs().mean() < 0.01 * change


@pytest.mark.parametrize('name', ['dksan', 'edvr'])
def test_offsets_are_predicted_in_float32(name):
    network, seen = build(name)[0], []
    for _, layer, _ in predictors(network):
        layer.register_forward_hook(
            lambda layer, inputs, out: seen.append(out.dtype))
    with autocast():
        network(torch.rand(1, 7, 3, 4, 4))
    assert len(seen) == len(predictors(network)) > 3
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize('name', NETWORKS)
def test_loss_and_gradients_are_near_those_of_float64(name):
    """The loss within 0.1 %, direction and size of gradients within 5 %."""
    losses, gradients = [], []
    for dtype in (torch.float64, torch.float32):
        model = build_model(NETWORKS[name], dtype)
        data = model.data_preprocessor(draw_batch(0, 1), True)
        data['inputs'] = data['inputs'].to(dtype)
        data['data_samples'].gt_img = data['data_samples'].gt_img.to(dtype)
        with torch.autocast(
                'cpu', torch.bfloat16, enabled=dtype == torch.float32):
            loss = model(**data, mode='loss')['loss']
        assert loss.dtype == dtype
        loss.backward()
        losses.append(float(loss))
        gradients.append(
            torch.cat([p.grad.double().flatten() for p in model.parameters()]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    error = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    assert error < 0.05
