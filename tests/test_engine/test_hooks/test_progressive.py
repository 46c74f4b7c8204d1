# Copyright (c) DKSAN-MM contributors.
import logging
from types import SimpleNamespace

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.registry import init_default_scope

from dksan_mm.engine.hooks import ProgressiveScaleHook
from dksan_mm.models import window_vsr
from dksan_mm.utils.resize import matlab_resize


def build():
    init_default_scope('mmagic')
    return MODELS.build(
        dict(
            type='WindowVSR',
            generator=dict(
                type='DKSANNet',
                channels=8,
                num_blocks=(1, 1, 1, 1),
                reduction=4),
            pixel_loss=dict(type='MSELoss')))


def runner_of(model, max_iters=4):
    return SimpleNamespace(
        model=model, logger=logging.getLogger('test'), max_iters=max_iters)


def batch():
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(2, 7, 3, 8, 8, generator=generator)
    target = torch.rand(2, 3, 128, 128, generator=generator)
    return frames, target


def test_the_iteration_decides_which_levels_are_trained():
    hook, runner = ProgressiveScaleHook(4, until=2), runner_of(build())
    scales = []
    for iteration in (0, 1, 2, 3, 1):  # the last one: resumed
        hook.before_train_iter(runner, iteration)
        scales.append(runner.model.train_scale)
    assert scales == [4, 4, None, None, 4]


@pytest.mark.parametrize('until, max_iters, first', [
    (0.75, 8, 6),
    (0.7, 10, 7),
    (1, 8, 1),
    (0, 8, 0),
    (0., 8, 0),
])
def test_a_number_below_one_is_a_share_of_the_training(until, max_iters,
                                                       first):
    hook = ProgressiveScaleHook(4, until=until)
    runner = runner_of(build(), max_iters)
    scales = []
    for iteration in range(max_iters):
        hook.before_train_iter(runner, iteration)
        scales.append(runner.model.train_scale)
    assert scales == [4] * first + [None] * (max_iters - first)


def test_a_network_without_levels_is_trained_as_a_whole():
    model = build()
    del model.generator.level_scales
    runner = runner_of(model)
    with pytest.raises(ValueError, match=r'one of \(\).*until=0 trains the'):
        ProgressiveScaleHook(4, until=2).before_train(runner)
    hook = ProgressiveScaleHook(4, until=0)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    assert model.train_scale is None


@pytest.mark.parametrize('until', [-1, -0.5, 2.5])
def test_wrong_lengths_are_refused(until):
    with pytest.raises(ValueError, match=f'until must be .*got {until}'):
        ProgressiveScaleHook(4, until=until)


def test_the_loss_is_that_of_the_early_frame():
    model = build().double()
    frames, target = (value.double() for value in batch())
    model.train_scale = 4
    loss = model(frames, DataSample(gt_img=target), mode='loss')['loss']
    # The shrunk ground truth, away from the borders, where MATLAB mirrors.
    small = torch.from_numpy(
        matlab_resize(target[0].permute(1, 2, 0).numpy(), 1 / 4))
    made = torch.nn.functional.interpolate(
        target[:1], (32, 32), mode='bicubic', antialias=True)[0]
    inner = (slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(
        made[inner], small.permute(2, 0, 1)[inner], atol=1e-6, rtol=0)
    output = model.generator(frames, scale=4)
    assert output.shape == (2, 3, 32, 32)
    shrunk = torch.nn.functional.interpolate(
        target, (32, 32), mode='bicubic', antialias=True)
    torch.testing.assert_close(loss, ((output - shrunk)**2).mean())


@pytest.mark.parametrize('distributed', [False, True])
def test_later_levels_have_no_gradients(monkeypatch, distributed):
    monkeypatch.setattr(window_vsr, 'is_distributed', lambda: distributed)
    model = build()
    model.train_scale = 4
    frames, target = batch()
    model(frames, DataSample(gt_img=target), mode='loss')['loss'].backward()
    for name, weight in model.generator.named_parameters():
        late = name.startswith(('levels.2', 'levels.3'))
        # DDP waits for all of them.
        assert (weight.grad is None) == (late and not distributed), name
        assert not late or weight.grad is None or not weight.grad.any()
    early = model.generator.levels[1].upscale[0].weight.grad
    assert early.any()


def test_a_level_s_frame_is_what_the_next_level_gets():
    net = build().generator
    frames, _ = batch()
    with torch.no_grad():
        quarter = net(frames, scale=4)
        expected = net.levels[3](net.levels[2](quarter))
        assert torch.equal(net(frames), expected)
        assert torch.equal(net(frames, scale=16), expected)


@pytest.mark.parametrize('scale', [1, 3, 32])
def test_a_scale_without_a_level_is_refused(scale):
    model = build()
    with pytest.raises(ValueError, match=f'got {scale}'):
        model.generator(batch()[0], scale=scale)
    hook = ProgressiveScaleHook(scale, until=2)
    with pytest.raises(ValueError, match=f'got {scale}'):
        hook.before_train(runner_of(model))


@pytest.mark.parametrize('max_iters, warned', [(2, True), (1, True),
                                               (3, False)])
def test_levels_that_stay_untrained_are_said(max_iters, warned, caplog):
    """Before and after the training."""
    hook = ProgressiveScaleHook(4, until=2)
    runner = runner_of(build(), max_iters)
    hook.before_train(runner)
    hook.after_train(runner)
    said = [r.message for r in caplog.records if r.levelname == 'WARNING']
    assert len(said) == 2 * warned
    for sentence in said:
        assert f'ends at iteration {max_iters}' in sentence
        assert 'levels above x4 stay untrained' in sentence
