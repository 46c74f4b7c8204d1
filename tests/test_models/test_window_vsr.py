# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope

import dksan_mm.inference  # noqa: F401
from dksan_mm.models import WindowVSR


@MODELS.register_module()
class RepeatNet(BaseModule):
    """Network that repeats the centre frame's pixels; multiples of 4 only."""

    scale, num_frames, size_divisor = 2, 7, 4

    def forward(self, frames):
        assert frames.shape[-2] % 4 == frames.shape[-1] % 4 == 0
        frame = frames[:, 3]
        return frame.repeat_interleave(2, -1).repeat_interleave(2, -2)


@MODELS.register_module()
class LeaningNet(BaseModule):
    """Network that sums the centre frame's pixels from the left."""

    scale, num_frames = 1, 7

    def forward(self, frames):
        return frames[:, 3].cumsum(-1)


@MODELS.register_module()
class NamelessNet(BaseModule):
    """Network that does not say how many frames it takes."""

    scale = 2


def build(**kwargs):
    init_default_scope('mmagic')
    config = dict(
        type='WindowVSR',
        generator=dict(type='RepeatNet'),
        pixel_loss=dict(type='CharbonnierLoss', eps=1e-6, reduction='mean'),
        data_preprocessor=dict(
            type='DataPreprocessor', mean=[0., 0., 0.], std=[255., 255.,
                                                             255.]))
    return MODELS.build({**config, **kwargs})


@pytest.mark.parametrize('size', [(8, 4), (7, 5), (1, 1), (3, 10)])
def test_padding_is_the_model_s_own_affair(size):
    frames = torch.rand(2, 7, 3, *size)
    expected = frames[:, 3].repeat_interleave(2, -1).repeat_interleave(2, -2)
    torch.testing.assert_close(build()(frames), expected)


def test_a_network_without_a_number_of_frames_is_named():
    with pytest.raises(ValueError, match='NamelessNet has no .* num_frames'):
        build(generator=dict(type='NamelessNet'))


def test_settings_of_tests_that_nothing_reads_are_named():
    with pytest.raises(ValueError, match='test_cfg has scale .* but no scal$'):
        build(test_cfg=dict(scal=2))


def test_an_ensemble_is_a_matter_of_the_test_config():
    torch.manual_seed(0)
    frames = torch.rand(1, 7, 3, 4, 6)
    scaled = dict(type='LeaningNet')
    one = build(generator=scaled)(frames)
    mean = build(generator=scaled, test_cfg=dict(ensemble=True))(frames)
    # Of the eight orientations, a quarter leans to each side.
    frame = frames[:, 3]
    leaning = sum(
        torch.rot90(torch.rot90(frame, k, (-2, -1)).cumsum(-1), -k, (-2, -1))
        for k in range(4)) / 4
    assert not torch.allclose(one, mean)
    torch.testing.assert_close(mean, leaning)
    target = DataSample(gt_img=torch.zeros(1, 3, 4, 6))
    losses = [
        build(generator=scaled, test_cfg=cfg)(frames, target,
                                              mode='loss')['loss']
        for cfg in (None, dict(ensemble=True))
    ]
    assert torch.equal(*losses)  # training has no ensemble


@pytest.mark.parametrize('evaluator', [None, dict(type='DKSANEvaluator')])
@torch.no_grad()
def test_an_ensemble_may_end_at_a_level(evaluator):
    network = dict(
        type='DKSANNet',
        channels=8,
        num_blocks=(1, 1, 1),
        deform_groups=2,
        reduction=4)
    torch.manual_seed(0)
    frames = torch.rand(1, 7, 3, 4, 6)
    model = build(
        generator=network, evaluator=evaluator, test_cfg=dict(ensemble=4))
    low = build(
        generator=network, test_cfg=dict(scale=4, ensemble=True)).eval()
    low.load_state_dict(model.state_dict())
    [*_, last] = low.generator.levels
    expected = last(low(frames))
    torch.testing.assert_close(model.eval()(frames), expected)
    with pytest.raises(ValueError, match='8 .*, got 16$'):
        build(generator=network, test_cfg=dict(ensemble=16))


def test_loss_is_charbonnier_with_the_paper_s_xi():
    frames = torch.rand(2, 7, 3, 4, 4)
    target = torch.rand(2, 3, 8, 8)
    loss = build()(frames, DataSample(gt_img=target), mode='loss')['loss']
    output = frames[:, 3].repeat_interleave(2, -1).repeat_interleave(2, -2)
    expected = ((output - target)**2 + 1e-3**2).sqrt().mean()
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize('batch', [1, 7])
def test_a_ground_truth_of_seven_frames_does_not_broadcast(batch):
    target = torch.rand(batch, 7, 3, 8, 8)
    with pytest.raises(ValueError, match=r'3, 8, 8\), got .*7, 3, 8, 8'):
        build()(
            torch.rand(batch, 7, 3, 4, 4),
            DataSample(gt_img=target),
            mode='loss')


def test_a_ground_truth_of_another_scale_is_rejected():
    with pytest.raises(ValueError, match=r'8, 8\), got \(1, 3, 16, 16\)'):
        build()(
            torch.rand(1, 7, 3, 4, 4),
            DataSample(gt_img=torch.rand(1, 3, 16, 16)),
            mode='loss')


def test_training_without_ground_truth_is_rejected():
    with pytest.raises(ValueError, match='ground truth, got none'):
        build()(torch.rand(1, 7, 3, 4, 4), DataSample(), mode='loss')


@pytest.mark.parametrize('shape', [(1, 5, 3, 4, 4), (1, 3, 4, 4),
                                   (1, 7, 3, 0, 4)])
def test_what_is_no_window_is_rejected(shape):
    with pytest.raises(ValueError, match=r'\(n, 7, 3, h, w\), got'):
        build()(torch.zeros(shape))


def test_a_padding_preprocessor_is_rejected():
    with pytest.raises(ValueError, match='pad_size_divisor=4'):
        build(
            data_preprocessor=dict(
                type='DataPreprocessor', pad_size_divisor=4))


def test_prediction_of_an_odd_size_keeps_every_row():
    """mmagic's own padding would crop LR rows from the HR output."""
    model = build().eval()
    sample = DataSample(gt_img=torch.zeros(3, 14, 10), gt_channel_order='RGB')
    data = dict(
        inputs=[torch.randint(0, 256, (7, 3, 7, 5), dtype=torch.uint8)],
        data_samples=[sample])
    [prediction] = model.test_step(data)
    assert prediction.output.pred_img.shape == (3, 14, 10)
    expected = data['inputs'][0][3].repeat_interleave(2, -1)
    expected = expected.repeat_interleave(2, -2).float()
    assert isinstance(model, WindowVSR)
    torch.testing.assert_close(prediction.output.pred_img, expected)


SMALL = dict(type='DKSANNet', channels=8, num_blocks=(1, 1, 1), reduction=4)


@pytest.mark.parametrize('scale', [None, 4])
def test_every_level_s_frame_has_a_loss_of_its_own_weight(scale):
    model = build(generator=SMALL, level_weights=(0.5, 0.25)).double()
    model.train_scale = scale
    frames, target = torch.rand(2, 7, 3, 6, 5), torch.rand(2, 3, 48, 40)
    frames, target = frames.double(), target.double()
    losses = model(frames, DataSample(gt_img=target), mode='loss')
    assert set(losses) == {'loss_pixel', 'loss_levels'}
    wanted = {}
    for factor in (2, 4, 8):
        shrunk = target if factor == 8 else torch.nn.functional.interpolate(
            target, (6 * factor, 5 * factor), mode='bicubic', antialias=True)
        error = model.generator(frames, scale=factor) - shrunk
        wanted[factor] = (error**2 + 1e-6).sqrt().mean()
    last = scale or 8
    others = 0.5 * wanted[2] + (0.25 * wanted[4] if last == 8 else 0)
    torch.testing.assert_close(losses['loss_pixel'], wanted[last])
    torch.testing.assert_close(losses['loss_levels'], others)
    sum(losses.values()).backward()
    assert model.generator.levels[0].upscale[-1].weight.grad.any()


def test_the_frames_between_are_checked_like_the_last_one():
    model = build(generator=SMALL, level_weights=(1, 1))
    with pytest.raises(ValueError, match=r'48, 40\), got \(1, 3, 48, 48\)'):
        model(
            torch.rand(1, 7, 3, 6, 5),
            DataSample(gt_img=torch.rand(1, 3, 48, 48)),
            mode='loss')


@pytest.mark.parametrize('network, weights', [
    (SMALL, (1, )),
    (SMALL, (1, -1)),
    (dict(type='RepeatNet'), (1, )),
])
def test_wrong_weights_of_levels_are_rejected(network, weights):
    with pytest.raises(ValueError, match='level_weights must be . numbers'):
        build(generator=network, level_weights=weights)


@pytest.mark.parametrize('network', [
    dict(type='DKSANNet', channels=8, num_blocks=(1, ) * 4, reduction=4),
    dict(type='EDVRX16Net', channels=8, num_blocks=1, tail_channels=8),
])
def test_channels_last_weights_give_the_same_loss_and_gradients(network):
    frames, target = torch.rand(2, 7, 3, 8, 8), torch.rand(2, 3, 128, 128)
    plain = build(generator=network)
    last = build(generator=network, channels_last=True)
    last.load_state_dict(plain.state_dict())
    formats = [
        weight.is_contiguous(memory_format=torch.channels_last)
        for weight in last.parameters() if weight.ndim == 4
    ]
    assert formats and all(formats)
    for model in plain, last:
        model.double()(
            frames.double(), DataSample(gt_img=target.double()),
            mode='loss')['loss'].backward()
    gradients = [{
        name: weight.grad
        for name, weight in model.named_parameters()
    } for model in (plain, last)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize('evaluator', [
    None,
    dict(type='DKSANEvaluator'),
    dict(type='WholeWindowEvaluator'),
])
def test_the_scale_of_tests_is_that_of_a_level(evaluator):
    network = dict(
        type='DKSANNet', channels=8, num_blocks=(1, ) * 4, reduction=2)
    model = build(
        generator=network, evaluator=evaluator, test_cfg=dict(scale=4)).eval()
    frames = torch.rand(1, 7, 3, 5, 6)
    with torch.no_grad():
        out = model(frames)
        expected = model.generator(frames, scale=4)
    assert out.shape == (1, 3, 20, 24)
    torch.testing.assert_close(out, expected)


def test_training_is_of_the_network_s_own_scale():
    network = dict(
        type='DKSANNet', channels=8, num_blocks=(1, ) * 4, reduction=2)
    model = build(generator=network, test_cfg=dict(scale=4))
    target = torch.rand(1, 3, 64, 80)
    losses = model(
        torch.rand(1, 7, 3, 4, 5), DataSample(gt_img=target), mode='loss')
    losses['loss'].backward()
    assert model.generator.levels[3].upscale[-1].weight.grad.any()


def test_a_scale_that_the_network_does_not_have():
    with pytest.raises(ValueError, match='by 2, got scale=4'):
        build(test_cfg=dict(scale=4))
