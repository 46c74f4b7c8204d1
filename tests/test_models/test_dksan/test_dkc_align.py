# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import deform_conv2d

from dksan_mm.models import DKCAlign
from dksan_mm.ops import DeformKernelConv2d, ModulatedDeformConv2d


def randomise(module):
    """Change every parameter, so that no zero hides a mistake."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def test_parameters_are_those_of_the_paper_s_table():
    count = sum(p.numel() for p in DKCAlign(128).parameters())
    # wo_dksa - wo_align_dksa + the convolution that stands in for it.
    assert count == 26_993_100 - 26_274_788 + (128 * 128 * 9 + 128)


@pytest.mark.parametrize('size', [(7, 5), (1, 1), (8, 12)])
def test_fresh_align_is_half_a_convolution_of_the_neighbour(size):
    align = DKCAlign(8, 2)
    neighbour, reference = torch.randn(2, 3, 8, *size)
    conv = align.deform_conv
    expected = F.conv2d(neighbour, conv.weight, padding=1) / 2
    expected = F.leaky_relu(expected + conv.bias[:, None, None], 0.1)
    torch.testing.assert_close(
        align(neighbour, reference), expected, rtol=0, atol=1e-5)


def test_align_equals_its_definition_after_training():
    # The chain of layers makes much of a rounding error in its first one.
    align = randomise(DKCAlign(8, 2)).double()
    neighbour, reference = torch.randn(2, 2, 8, 6, 7, dtype=torch.float64)
    feature = torch.cat([neighbour, reference], 1)
    for layer in align.offset_feature:
        feature = layer(feature)
    conv = align.deform_conv
    out = conv.conv_offset(feature)
    expected = deform_conv2d(
        neighbour,
        out[:, :36],
        conv.weight,
        conv.bias,
        padding=1,
        mask=torch.sigmoid(out[:, 36:]))
    expected = F.leaky_relu(expected, 0.1)
    actual = align(neighbour, reference)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-10)
    assert not torch.allclose(actual, align(neighbour, neighbour))


def test_dkc_layers_and_the_deformable_convolution_see_what_they_should():
    align = DKCAlign(8, 2, num_layers=3)
    layers = [m for m in align.modules() if isinstance(m, DeformKernelConv2d)]
    assert len(layers) == 3
    assert align.deform_conv.deform_groups == 2


class Adapted(nn.Conv2d):
    """A convolution with an addition, as in adapters."""

    def forward(self, x):
        return super().forward(x) + 0.5


@pytest.mark.parametrize('adapted', [False, True])
@torch.no_grad()
def test_a_reference_serves_several_neighbours(adapted):
    align = randomise(DKCAlign(8, 2)).double()
    if adapted:
        align.offset_feature[0].__class__ = Adapted
    neighbours = torch.randn(2 * 3, 8, 5, 4, dtype=torch.float64)
    references = torch.randn(2, 8, 5, 4, dtype=torch.float64)
    chain = nn.Sequential(*align.offset_feature)  # called with both frames
    both = torch.cat([neighbours, references.repeat_interleave(3, 0)], 1)
    feature = chain(both)
    expected = align.activation(align.deform_conv(neighbours, feature))
    actual = align(neighbours, references)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)
    # The last two belong to the second reference.
    other = align(neighbours[4:], references[1:])
    torch.testing.assert_close(other, expected[4:], rtol=0, atol=1e-12)


def test_a_hook_on_the_first_convolution_sees_both_frames():
    align, shapes = DKCAlign(8, 2), []
    align.offset_feature[0].register_forward_hook(
        lambda layer, inputs, out: shapes.append(inputs[0].shape))
    align(torch.rand(6, 8, 5, 4), torch.rand(2, 8, 5, 4))
    assert shapes == [(6, 16, 5, 4)]


def test_gradients_of_shares_are_those_of_the_whole_convolution():
    align = randomise(DKCAlign(8, 2)).double()
    neighbours = torch.randn(6, 8, 4, 3, dtype=torch.float64)
    references = torch.randn(2, 8, 4, 3, dtype=torch.float64)
    leaves = [x.requires_grad_() for x in (neighbours, references)]
    leaves += list(align.parameters())
    grads = [
        torch.autograd.grad(
            align(neighbours, references).square().sum(), leaves)
    ]
    align.offset_feature[0].register_forward_hook(lambda *_: None)
    grads.append(
        torch.autograd.grad(
            align(neighbours, references).square().sum(), leaves))
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-9)


def test_frames_of_two_shapes_are_rejected():
    align = DKCAlign(8, 2)
    with pytest.raises(ValueError, match=r'\(1, 8, 4, 4\) and \(1, 8, 4, 5'):
        align(torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 4, 5))
    with pytest.raises(ValueError, match=r'\(3, 8, 4, 4\) and \(2, 8, 4, 4'):
        align(torch.zeros(3, 8, 4, 4), torch.zeros(2, 8, 4, 4))


def test_groups_that_do_not_divide_the_channels_are_rejected():
    with pytest.raises(ValueError, match='divide 8 channels, got 3'):
        DKCAlign(8, 3)


def test_autocast_keeps_offsets_and_sampling_in_float32(monkeypatch):
    align = randomise(DKCAlign(8, 2))
    neighbour, reference = torch.randn(2, 1, 8, 5, 5)
    seen = set()
    forward = ModulatedDeformConv2d.forward

    def spy(self, *inputs):
        seen.update(x.dtype for x in inputs)
        return forward(self, *inputs)

    monkeypatch.setattr(ModulatedDeformConv2d, 'forward', spy)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = align(neighbour, reference)
    assert seen == {torch.float32}
    assert torch.isfinite(out).all()
