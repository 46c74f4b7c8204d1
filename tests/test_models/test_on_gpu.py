# Copyright (c) DKSAN-MM contributors.
"""Training steps and frames on an absent GPU.

Tensors have a device and a shape but no data. A mix of devices, or code that
depends on a number, raises an error.
"""
import helpers.mean_distance  # noqa: F401  (registers a loss)
import pytest
import torch
from helpers.dry_runs import (HostReads, autocast_there, build_on_gpu,
                              imaginary_gpu)
from helpers.training_steps import DKSAN, EDVR, build_model, build_optimizer
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.registry import init_default_scope

from dksan_mm.ops import set_backend
from dksan_mm.ops.triton import path as triton_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not triton_path.available(), reason='triton is not installed')
]
# The norm of the gradients, for the log: mmengine's float(grad).
LOGGED = ['optimizer_wrapper.py:_clip_grad']


def build(generator):
    init_default_scope('mmagic')
    return build_on_gpu(lambda: MODELS.build(
        dict(
            type='WindowVSR',
            generator=generator,
            pixel_loss=dict(type='CharbonnierLoss', eps=1e-6))))


def loss_of(model, device):
    """Return the paper's loss of a batch of 4, 32x32 to 512x512."""
    sample = DataSample()
    sample.set_data(dict(gt_img=torch.rand(4, 3, 512, 512, device=device)))
    frames = torch.rand(4, 7, 3, 32, 32, device=device)
    return sum(model.forward_train(frames, sample).values())


@pytest.mark.parametrize('generator', [DKSAN, EDVR], ids=['dksan', 'edvr'])
def test_a_loss_stays_on_the_gpu(generator):
    with imaginary_gpu('triton') as reads:
        model = build(generator)
        assert loss_of(model, 'cuda').device.type == 'cuda'
    assert reads.places == []


@pytest.mark.parametrize('generator', [DKSAN, EDVR], ids=['dksan', 'edvr'])
def test_a_training_step_reads_no_number_but_the_logged_norm(
        generator, monkeypatch):
    """On the meta device, since torch has no gradients on an absent GPU."""
    # It raises an error there.
    monkeypatch.setattr(torch, 'is_autocast_enabled', lambda device: False)
    with set_backend('triton'), HostReads() as reads:
        model = build_model(generator, torch.float32).to('meta')
        optimizer = build_optimizer(model)
        found = []
        optimizer.optimizer.register_step_pre_hook(lambda *_: found.extend(
            p.grad.device.type for p in model.parameters()))
        optimizer.update_params(loss_of(model, 'meta'))
        assert set(found) == {'meta'}
    assert reads.places == LOGGED


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('generator', [DKSAN, EDVR], ids=['dksan', 'edvr'])
def test_a_loss_in_mixed_precision_stays_on_the_gpu(generator, dtype):
    with imaginary_gpu('triton') as reads:
        model = build(generator)
        types = set()
        first = next(module for module in model.modules()
                     if isinstance(module, torch.nn.Conv2d))
        first.register_forward_hook(
            lambda module, inputs, output: types.add(output.dtype))
        with autocast_there(dtype):
            loss = loss_of(model, 'cuda')
        assert loss.device.type == 'cuda' and loss.dtype == torch.float32
        assert types == {dtype}
    assert reads.places == []


def test_losses_against_a_discriminator_stay_on_the_gpu():
    init_default_scope('mmagic')
    config = dict(
        type='WindowGAN',
        generator=DKSAN,
        pixel_loss=dict(type='CharbonnierLoss', eps=1e-6),
        discriminator=dict(
            type='UNetDiscriminatorWithSpectralNorm',
            in_channels=6,
            mid_channels=8),
        gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=0.1),
        perceptual_loss=dict(type='MeanDistance'),
        motion_weight=0.1)
    with imaginary_gpu('triton') as reads:
        model = build_on_gpu(lambda: MODELS.build(config))
        sample = DataSample()
        sample.set_data(
            dict(
                gt_img=torch.rand(2, 2, 3, 256, 256, device='cuda'),
                motion=torch.rand(2, 8, 2, 16, 16, device='cuda')))
        frames = torch.rand(2, 8, 3, 16, 16, device='cuda')
        losses = model.forward_train(frames, sample)
        assert {'loss_gan', 'loss_d_real', 'loss_d_fake'} < losses.keys()
        assert {loss.device.type for loss in losses.values()} == {'cuda'}
    assert reads.places == []


def test_a_number_that_is_read_is_noticed():
    with imaginary_gpu('triton') as reads:
        if torch.ones(2, device='cuda').sum() > 0:
            pass
    assert reads.places == [
        'test_on_gpu.py:test_a_number_that_is_read_is_noticed'
    ]


def test_devices_that_mix_are_noticed():
    with imaginary_gpu('triton'), pytest.raises(RuntimeError, match='device'):
        torch.ones(2, device='cuda') + torch.ones(2)


@pytest.mark.parametrize('generator', [DKSAN, EDVR], ids=['dksan', 'edvr'])
@pytest.mark.parametrize('size', [(32, 32), (67, 120)])
def test_a_frame_stays_on_the_gpu(generator, size):
    with imaginary_gpu('triton') as reads, torch.no_grad():
        model = build(generator).eval()
        out = model.forward_tensor(torch.rand(1, 7, 3, *size, device='cuda'))
        assert out.device.type == 'cuda'
        assert out.shape == (1, 3, 16 * size[0], 16 * size[1])
    assert reads.places == []
