# Copyright (c) DKSAN-MM contributors.
"""Adversarial training: each network learns from its own losses only."""
import copy

import pytest
import torch
from helpers import mean_distance  # noqa: F401, registers
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

import dksan_mm.engine.optimizers  # noqa: F401, registers
from dksan_mm.engine.runner.checkpoint import load_weights
from dksan_mm.models import WindowGAN
from dksan_mm.models.losses import grid_loss, temporal_loss
from dksan_mm.utils.errors import UserError

NET = dict(type='DKSANNet', channels=8, num_blocks=(1, 1), reduction=4)


def build(**changes) -> WindowGAN:
    init_default_scope('mmagic')
    torch.manual_seed(0)
    config = dict(
        type='WindowGAN',
        generator=NET,
        pixel_loss=dict(type='CharbonnierLoss', eps=1e-6, reduction='mean'),
        discriminator=dict(
            type='UNetDiscriminatorWithSpectralNorm',
            in_channels=6,
            mid_channels=4),
        gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=0.1),
        perceptual_loss=dict(type='MeanDistance'),
        motion_weight=0.1,
        critic_size=16,
        data_preprocessor=dict(
            type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3))
    return MODELS.build({**config, **changes})


def batch(n=2, size=8):
    torch.manual_seed(1)
    inputs = torch.rand(n, 8, 3, size, size)
    return inputs, DataSample(
        gt_img=torch.rand(n, 2, 3, 4 * size, 4 * size),
        motion=0.1 * torch.randn(n, 8, 2, size, size))


def test_losses_are_those_of_two_windows():
    model = build(critic_size=64)
    inputs, samples = batch()
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {
        'loss_pixel', 'loss_motion', 'loss_temporal', 'loss_grid',
        'loss_perceptual', 'loss_gan', 'loss_d_real', 'loss_d_fake'
    }
    later = model.generator(inputs[:, 1:])
    earlier = model.generator(inputs[:, :-1])
    target = samples.gt_img
    errors = torch.stack([later, earlier], 1) - target
    torch.testing.assert_close(losses['loss_pixel'],
                               (errors**2 + 1e-6).sqrt().mean())
    torch.testing.assert_close(
        losses['loss_temporal'],
        temporal_loss(
            torch.stack([later, earlier], 1), target, samples.motion[:, 3]))
    torch.testing.assert_close(
        losses['loss_grid'],
        sum(
            grid_loss(errors.flatten(0, 1), 0 * later[:1], 4, area)
            for area in (None, 16)))
    seen, truth = model.perceptual_loss.seen
    torch.testing.assert_close(seen, later)
    torch.testing.assert_close(truth, target[:, 0])


def test_the_discriminator_sees_a_sample_s_two_frames():
    model = build(critic_size=64)
    inputs, samples = batch()
    seen = []
    model.discriminator.register_forward_hook(
        lambda module, given, out: seen.append((given[0], out)))
    losses = model(inputs, samples, mode='loss')
    (fake, says), (real, says_real), (again, says_fake) = seen
    torch.testing.assert_close(fake[:, :3], model.generator(inputs[:, 1:]))
    torch.testing.assert_close(fake[:, 3:], model.generator(inputs[:, :-1]))
    torch.testing.assert_close(real, samples.gt_img.flatten(1, 2))
    torch.testing.assert_close(again, fake)
    assert not again.requires_grad
    # Binary cross entropy, with the weight for the generator alone.
    softplus = nn.functional.softplus
    torch.testing.assert_close(losses['loss_gan'],
                               0.1 * softplus(-says).mean())
    torch.testing.assert_close(losses['loss_d_real'],
                               softplus(-says_real).mean())
    torch.testing.assert_close(losses['loss_d_fake'],
                               softplus(says_fake).mean())


def test_each_network_learns_from_its_own_losses():
    model = build()
    losses = model(*batch(), mode='loss')
    critic = {name: v for name, v in losses.items() if '_d_' in name}
    own = [v for name, v in losses.items() if name not in critic]
    generator = list(model.generator.parameters())
    discriminator = list(model.discriminator.parameters())
    for loss, learns, does_not in ((sum(own), generator, discriminator),
                                   (sum(critic.values()), discriminator,
                                    generator)):
        gradients = torch.autograd.grad(
            loss, [*learns, *does_not], allow_unused=True, retain_graph=True)
        assert all(g is not None for g in gradients[:len(learns)])
        assert all(g is None for g in gradients[len(learns):])


def test_perceptual_and_adversarial_losses_see_one_random_part():
    model = build()
    inputs, samples = batch()
    parts = set()
    for seed in range(8):
        torch.manual_seed(seed)
        model(inputs, samples, mode='loss')
        seen, truth = model.perceptual_loss.seen
        assert seen.shape == truth.shape == (2, 3, 16, 16)
        later, target = model.generator(inputs[:, 1:]), samples.gt_img[:, 0]
        place, = [(top, left) for top in range(17) for left in range(17)
                  if torch.equal(truth, target[..., top:top + 16,
                                               left:left + 16])]
        top, left = place
        torch.testing.assert_close(seen, later[..., top:top + 16,
                                               left:left + 16])
        parts.add(place)
    assert len(parts) > 4


def test_one_step_moves_both_networks():
    model = build()
    optimizer = build_optim_wrapper(
        model,
        dict(
            type='StepOptimWrapper',
            constructor='OffsetLrConstructor',
            paramwise_cfg=dict(discriminator_lr_mult=3.),
            optimizer=dict(type='ConvMuon', lr=1e-3)))
    before = copy.deepcopy(model.state_dict())
    inputs, samples = batch()
    data = dict(
        inputs=list((255 * inputs).byte()),
        data_samples=[
            DataSample(
                gt_img=(255 * gt).byte(),
                motion=motion,
                gt_channel_order='RGB')
            for gt, motion in zip(samples.gt_img, samples.motion)
        ])
    log = model.train_step(data, optimizer)
    assert {'loss_gan', 'loss_d_fake', 'loss'} <= set(log)
    after = model.state_dict()
    still = {
        name
        for name, _ in model.named_parameters()
        if torch.equal(before[name], after[name])
    }
    # Offsets start at zero, and with them the gradients of what they are
    # made from; of an attention's two hidden channels both may be shut.
    moving = ('discriminator.', 'generator.features.0', 'generator.fusion',
              'generator.levels.0.blocks.0.body', 'generator.levels.1.upscale')
    assert not [name for name in still if name.startswith(moving)]


def test_a_test_needs_the_generator_alone():
    model = build().eval()
    frames = torch.rand(1, 7, 3, 5, 6)
    with torch.no_grad():
        torch.testing.assert_close(model(frames), model.generator(frames))


@pytest.mark.parametrize('change, message', [
    (dict(temporal_weight=-1.), 'temporal_weight and .* >= 0, got -1'),
    (dict(critic_size=0), 'critic_size must be >= 1, got 0'),
])
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


@pytest.mark.parametrize('remove, message', [
    ('windows', r'\(n, 8, 3, h, w\), got \(2, 7'),
    ('gt_img', 'two frames of ground truth, got None'),
    ('motion', 'need their motion'),
])
def test_what_is_no_pair_is_rejected(remove, message):
    inputs, samples = batch()
    if remove == 'windows':
        inputs = inputs[:, 1:]
    else:
        delattr(samples, remove)
    with pytest.raises(ValueError, match=message):
        build()(inputs, samples, mode='loss')


@pytest.mark.parametrize('alone', [False, True])
def test_weights_load_with_and_without_the_discriminator(tmp_path, alone):
    trained, path = build(), tmp_path / 'weights.pth'
    nn.init.ones_(trained.generator.fusion.bias)
    weights = trained.state_dict()
    if alone:
        weights = {
            n: v
            for n, v in weights.items() if 'discriminator' not in n
        }
    torch.save(weights, path)
    plain = MODELS.build(
        dict(
            type='WindowVSR',
            generator=NET,
            pixel_loss=dict(type='CharbonnierLoss')))
    for model in (build(), plain):
        load_weights(model, str(path))
        assert torch.equal(model.generator.fusion.bias, torch.ones(8))
    # The network itself must be whole.
    del weights['generator.fusion.bias']
    torch.save(weights, path)
    with pytest.raises(UserError, match='generator.fusion.bias is missing'):
        load_weights(build(), str(path))
