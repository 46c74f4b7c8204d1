# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
import torch.nn.functional as F

from dksan_mm.models import DKSANNet
from dksan_mm.models.dksan.dkc_align import DKCAlign
from dksan_mm.models.layers import smoothing, upsample2

ABLATIONS = {
    'backbone': dict(channel_attention=False, align=False, dksa=False),
    'wo_align_dksa': dict(align=False, dksa=False),
    'wo_dksa': dict(dksa=False),
    'dksan': dict(),
}
SMALL = dict(channels=8, num_blocks=(2, 1, 1, 1), deform_groups=2, reduction=1)


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize('name, expected', [('backbone', 26_110_988),
                                            ('wo_align_dksa', 26_274_788),
                                            ('wo_dksa', 26_993_100),
                                            ('dksan', 29_512_268)])
def test_parameter_counts_print_as_the_paper_s_table_3(name, expected):
    with torch.device('meta'):
        assert count(DKSANNet(**ABLATIONS[name])) == expected


@pytest.mark.parametrize('size', [(7, 5), (1, 1), (2, 3), (1, 6)])
@pytest.mark.parametrize('name', ABLATIONS)
def test_any_size_comes_out_16_times_as_large(name, size):
    net = DKSANNet(**SMALL, **ABLATIONS[name])
    with torch.no_grad():
        out = net(torch.rand(2, 7, 3, *size))
    assert out.shape == (2, 3, 16 * size[0], 16 * size[1])
    assert torch.isfinite(out).all()


def test_the_full_network_takes_an_odd_size():
    with torch.no_grad():
        out = DKSANNet()(torch.rand(1, 7, 3, 3, 5))
    assert out.shape == (1, 3, 48, 80)


def test_number_of_levels_decides_the_scale():
    net = DKSANNet(channels=8, num_blocks=(1, 1), deform_groups=2, reduction=4)
    assert net.scale == 4
    assert net(torch.rand(1, 7, 3, 5, 4)).shape == (1, 3, 20, 16)


def test_an_exported_network_takes_any_number_and_size_of_windows():
    torch.manual_seed(0)
    net = DKSANNet(**{**SMALL, 'num_blocks': (1, 1)}).eval()
    for weight in net.parameters():  # the last layers begin near zero
        weight.data += 0.01 * torch.randn_like(weight)
    auto = torch.export.Dim.AUTO
    exported = torch.export.export(
        net, (torch.rand(2, 7, 3, 9, 12), ),
        dynamic_shapes=({
            0: auto,
            3: auto,
            4: auto
        }, )).module()
    for shape in ((2, 9, 12), (1, 8, 8), (3, 17, 5), (1, 11, 30)):
        frames = torch.rand(shape[0], 7, 3, *shape[1:])
        with torch.no_grad():
            torch.testing.assert_close(exported(frames), net(frames))


@pytest.mark.parametrize('name', ABLATIONS)
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(0)
    net = DKSANNet(**SMALL, **ABLATIONS[name])
    optimizer = torch.optim.SGD(net.parameters(), 1e-2)
    # What only predicts offsets learns from the second step on: the last
    # convolution of the predictor starts at zero.
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.rand(2, 7, 3, 6, 5)).square().mean().backward()
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
    for key, parameter in net.named_parameters():
        assert parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize('name', ABLATIONS)
def test_a_mean_is_taken_off_what_features_are_made_from(name):
    """Equals subtracting it from the frames and adding it to the output."""
    plain = DKSANNet(**SMALL, **ABLATIONS[name]).double()
    centred = DKSANNet(**SMALL, **ABLATIONS[name], mean=0.45).double()
    centred.load_state_dict(plain.state_dict())
    frames = torch.rand(2, 7, 3, 6, 5, dtype=torch.float64)
    for scale in (4, 16):
        expected = plain(frames - 0.45, scale=scale) + 0.45
        torch.testing.assert_close(centred(frames, scale=scale), expected)
        assert (centred(frames, scale) - plain(frames, scale)).abs().max() > \
            1e-3


def test_a_silent_network_is_four_bicubic_steps_of_the_centre_frame():
    net = DKSANNet(**SMALL)
    with torch.no_grad():
        for level in net.levels:
            level.upscale[-1].weight.zero_()
    frames = torch.rand(1, 7, 3, 5, 4)
    expected = frames[:, 3]
    for _ in range(4):
        expected = F.interpolate(
            expected, scale_factor=2, mode='bicubic', align_corners=False)
    torch.testing.assert_close(net(frames), expected)


def test_levels_of_the_smooth_scales_smooth_their_residual():
    plain = DKSANNet(**SMALL)
    smooth = DKSANNet(**SMALL, smooth_scales=(4, ))
    smooth.load_state_dict(plain.state_dict())
    frames = torch.rand(1, 7, 3, 4, 5)
    x2 = plain(frames, scale=2)
    assert torch.equal(smooth(frames, scale=2), x2)
    level = plain.levels[1]
    features = level.extractor(x2)
    residual = level.upscale(
        level.attention(level.blocks(features)) + features)
    torch.testing.assert_close(
        smooth(frames, scale=4),
        smoothing(3)(residual) + upsample2(x2))


def test_every_frame_has_its_own_influence():
    net = DKSANNet(**SMALL)
    frames = torch.rand(1, 7, 3, 5, 4, requires_grad=True)
    net(frames).sum().backward()
    influence = frames.grad.abs().sum((0, 2, 3, 4))
    assert (influence > 0).all()
    assert influence.unique().numel() == 7


def test_windows_of_a_batch_do_not_mix():
    net = DKSANNet(**SMALL)
    frames = torch.rand(2, 7, 3, 5, 4)
    together = net(frames)
    for i in range(2):
        torch.testing.assert_close(together[i:i + 1], net(frames[i:i + 1]))


def test_the_reference_of_every_alignment_is_the_centre_frame(monkeypatch):
    net, seen = DKSANNet(**SMALL), []
    forward = DKCAlign.forward

    def spy(self, neighbour, reference, shares=None):
        seen.append((neighbour, reference))
        return forward(self, neighbour, reference, shares)

    monkeypatch.setattr(DKCAlign, 'forward', spy)
    frames = torch.rand(2, 7, 3, 4, 4)
    net(frames)
    features = net.extract(frames.flatten(0, 1)).unflatten(0, (2, 7))
    (neighbour, reference), = seen
    torch.testing.assert_close(neighbour, features.flatten(0, 1))
    torch.testing.assert_close(reference, features[:, 3])


@pytest.mark.parametrize('shape', [(1, 5, 3, 8, 8), (1, 7, 1, 8, 8),
                                   (7, 3, 8, 8)])
def test_other_shapes_are_rejected(shape):
    with pytest.raises(ValueError, match=r'\(n, 7, 3, h, w\), got'):
        DKSANNet(**SMALL)(torch.zeros(shape))


@pytest.mark.parametrize('kwargs, match',
                         [(dict(num_frames=6), 'got 6'),
                          (dict(num_blocks=()), r'\(\)'),
                          (dict(num_blocks=(1, -1)), 'num_blocks .* got -1'),
                          (dict(num_extract_blocks=-2), 'blocks .* got -2'),
                          (dict(channels=0), 'channels must be .* 1, got 0'),
                          (dict(smooth_scales=(4, 32)), r'got \(4, 32\)')])
def test_impossible_settings_are_rejected(kwargs, match):
    with pytest.raises(ValueError, match=match):
        DKSANNet(**{'channels': 8, **kwargs})
