# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from mmagic.models.editors.edvr.edvr_net import EDVRNet, ModulatedDCNPack
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from dksan_mm.engine.optimizers import OffsetLrConstructor
from dksan_mm.models import EDVRX16Net
from dksan_mm.models.deform_conv_pack import DeformConvPack

SMALL = dict(channels=8, num_blocks=1, num_extract_blocks=1, deform_groups=2)


def build(**kwargs):
    """Build the network in its model, as configs do."""
    init_default_scope('mmagic')
    return MODELS.build(
        dict(
            type='WindowVSR',
            generator=dict(type='EDVRX16Net', **SMALL, **kwargs),
            pixel_loss=dict(type='CharbonnierLoss', eps=1e-6)))


def scatter_offsets(net):
    """Make predictors move every sample, by up to some pixels."""
    for name, parameter in net.named_parameters():
        if 'conv_offset' in name:
            torch.nn.init.normal_(parameter, std=0.3)


def test_parameters_of_edvr_l():
    """mmagic's x4 network and two steps of 64 -> 4 * 64 channels."""
    with torch.device('meta'):
        ours, theirs = EDVRX16Net(), EDVRNet(3, 3, 128, 7, 8, 5, 40, 3)
    count = sum(p.numel() for p in theirs.parameters())
    assert count == 20_699_363
    assert sum(p.numel() for p in ours.parameters()
               ) == count + 2 * (64 * 256 * 9 + 256) == 20_994_787


@pytest.mark.parametrize('size', [(4, 8), (7, 5), (1, 1), (67, 3)])
def test_any_size_comes_out_16_times_as_large(size):
    with torch.no_grad():
        out = build()(torch.rand(2, 7, 3, *size))
    assert out.shape == (2, 3, 16 * size[0], 16 * size[1])
    assert torch.isfinite(out).all()


def test_padding_does_not_shift_the_image():
    """Pixels out of reach of the padding equal those of the larger image."""
    model = build()
    frames = torch.rand(1, 7, 3, 8, 8)
    silence(model.generator)
    padded = model(frames[..., :7, :6])
    torch.testing.assert_close(padded[..., :100, :80],
                               model(frames)[..., :100, :80])


def silence(net):
    torch.nn.init.zeros_(net.conv_last.weight)
    torch.nn.init.zeros_(net.conv_last.bias)


def test_the_network_alone_names_the_size_that_it_needs():
    with pytest.raises(ValueError, match=r'multiples of 4, got .*, 6, 8\)'):
        EDVRX16Net(**SMALL)(torch.zeros(1, 7, 3, 6, 8))
    with pytest.raises(ValueError, match=r'\(n, 7, 3, h, w\).*got \(1, 5,'):
        EDVRX16Net(**SMALL)(torch.zeros(1, 5, 3, 8, 8))


@pytest.mark.parametrize('kwargs, match', [(dict(num_frames=6), 'got 6'),
                                           (dict(deform_groups=3), 'got 3'),
                                           (dict(num_blocks=-1), 'got -1'),
                                           (dict(channels=0), 'got 0')])
def test_impossible_settings_are_rejected(kwargs, match):
    with pytest.raises(ValueError, match=match):
        EDVRX16Net(**{**SMALL, **kwargs})


def test_mmagic_s_weights_fit_and_mean_the_same():
    """Up to the end of the reconstruction, where the tails differ."""
    settings = dict(mid_channels=8, deform_groups=2, num_blocks_extraction=1)
    theirs = EDVRNet(
        3,
        3,
        num_frames=7,
        center_frame_idx=3,
        num_blocks_reconstruction=1,
        **settings)
    scatter_offsets(theirs)
    ours = EDVRX16Net(**SMALL)
    result = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert {key.split('.')[0]
            for key in result.missing_keys} == {'upsample3', 'upsample4'}
    seen = []
    for net in (theirs, ours):
        net.reconstruction.register_forward_hook(
            lambda module, inputs, out: seen.append(out))
        with torch.no_grad():
            net(torch.rand(2, 7, 3, 8, 12, generator=seed()))
    torch.testing.assert_close(seen[1], seen[0], atol=1e-5, rtol=1e-5)


def seed():
    return torch.Generator().manual_seed(0)


def test_a_pack_equals_mmagic_s():
    theirs = ModulatedDCNPack(8, 8, 3, padding=1, deform_groups=2)
    ours = DeformConvPack(8, 2)
    scatter_offsets(theirs)
    torch.nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    x, feature = torch.rand(2, 2, 8, 6, 7)
    torch.testing.assert_close(
        ours(x, feature), theirs(x, feature), atol=1e-5, rtol=1e-5)


def test_a_pack_samples_in_float32_under_autocast():
    pack = DeformConvPack(8, 2)
    scatter_offsets(pack)
    x, feature = torch.rand(2, 1, 8, 6, 7).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        out = pack(x, feature)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out,
                               pack(x.float(), feature.float()).bfloat16())


def test_the_fourth_of_seven_frames_is_the_reference():
    model = build()
    net = model.generator
    assert net.center_frame_idx == net.fusion.center_frame_idx == 3
    silence(net)
    frames = torch.rand(1, 7, 3, 4, 4)
    expected = torch.nn.functional.interpolate(
        frames[:, 3], scale_factor=16, mode='bilinear', align_corners=False)
    torch.testing.assert_close(model(frames), expected)


def test_a_mean_is_taken_off_what_features_are_made_from():
    """Equals subtracting it from the frames and adding it to the output."""
    plain = EDVRX16Net(**SMALL).double()
    centred = EDVRX16Net(**SMALL, mean=0.45).double()
    centred.load_state_dict(plain.state_dict())
    frames = torch.rand(2, 7, 3, 8, 4, dtype=torch.float64)
    expected = plain(frames - 0.45) + 0.45
    torch.testing.assert_close(centred(frames), expected)
    assert (expected - plain(frames)).abs().max() > 1e-4


def test_every_frame_is_aligned_with_the_centre_one():
    net, seen = EDVRX16Net(**SMALL), []
    net.pcd_alignment.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs))
    frames = torch.rand(2, 7, 3, 8, 8)
    net(frames)
    pyramid = net.extract(frames.flatten(0, 1))
    (neighbours, references), = seen
    for features, neighbour, reference in zip(pyramid, neighbours, references):
        centre = features.unflatten(0, (2, 7))[:,
                                               3:4].expand(-1, 7, -1, -1,
                                                           -1).flatten(0, 1)
        torch.testing.assert_close(neighbour, features)
        torch.testing.assert_close(reference, centre)


def test_tsa_is_there_and_everything_trains_from_the_first_step():
    """No warm-up freezes the rest, and no counter is lost on resume."""
    model = build()
    scatter_offsets(model)
    assert type(model.generator.fusion).__name__ == 'TSAFusion'
    assert not any('step' in name for name, _ in model.named_buffers())
    frames, target = torch.rand(2, 7, 3, 8, 8), torch.rand(2, 3, 128, 128)
    loss = model(frames, DataSample(gt_img=target), mode='loss')['loss']
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad, name
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_offsets_start_at_zero_after_all_initialisations():
    model = build()
    model.init_weights()
    predictors = [
        parameter for name, parameter in model.named_parameters()
        if 'conv_offset' in name
    ]
    assert len(predictors) == 8  # of three levels and the cascade
    assert not any(parameter.any() for parameter in predictors)


def test_residual_blocks_start_with_a_small_second_convolution():
    model = build()
    model.init_weights()
    net = model.generator
    usual = (2 / (8 * 9))**0.5  # He et al., 2015
    for block in (*net.feature_extraction, *net.reconstruction):
        assert block.conv1.weight.std().item() == pytest.approx(
            usual, rel=0.15)
        assert block.conv2.weight.std().item() == pytest.approx(
            usual / 10, rel=0.15)


def test_offset_predictors_get_a_rate_of_their_own():
    net = EDVRX16Net(**SMALL)
    config = dict(
        type='OptimWrapper',
        constructor=OffsetLrConstructor,
        optimizer=dict(type='Adam', lr=4e-4),
        paramwise_cfg=dict(offset_lr_mult=0.1))
    others, offsets = build_optim_wrapper(net, config).optimizer.param_groups
    packs = [m for m in net.modules() if isinstance(m, DeformConvPack)]
    assert len(packs) == 4
    assert set(offsets['params']) == {
        parameter
        for pack in packs
        for parameter in pack.conv_offset.parameters()
    }
    assert offsets['lr'] == pytest.approx(4e-5)
    assert len(offsets['params']) + len(others['params']) == len(
        list(net.parameters()))
