# Copyright (c) DKSAN-MM contributors.
"""The deformable convolution that predicts its own offsets."""
import pytest
import torch
import torch.nn.functional as F
from mmagic.models.editors.edvr.edvr_net import ModulatedDCNPack
from torch.testing import assert_close

from dksan_mm.models.deform_conv_pack import DeformConvPack


def pack(channels=4, deform_groups=2):
    """Return one whose offsets are not zero."""
    layer = DeformConvPack(channels, deform_groups)
    torch.nn.init.normal_(layer.conv_offset.weight, std=.2)
    torch.nn.init.normal_(layer.conv_offset.bias, std=.5)
    return layer


def test_a_fresh_one_is_half_a_convolution():
    layer = DeformConvPack(4, 2).double()
    x, feature = torch.randn(2, 2, 4, 6, 5, dtype=torch.float64)
    expected = F.conv2d(x, layer.weight, padding=1) / 2  # of the mask
    assert_close(
        layer(x, feature),
        expected + layer.bias.view(-1, 1, 1),
        rtol=0,
        atol=1e-12)


def test_parameters_and_values_are_mmagics():
    ours = pack()
    theirs = ModulatedDCNPack(4, 4, 3, padding=1, deform_groups=2)
    theirs.load_state_dict(ours.state_dict())
    x, feature = torch.randn(2, 2, 4, 6, 5)
    assert_close(ours(x, feature), theirs(x, feature), rtol=0, atol=1e-5)


def test_offsets_and_mask_have_a_part_for_each_group():
    offset, mask = pack(6, 3).predict_offsets(torch.randn(2, 6, 5, 4))
    assert offset.shape == (2, 54, 5, 4) and mask.shape == (2, 27, 5, 4)
    assert (mask > 0).all() and (mask < 1).all() and offset.abs().max() > .1


def test_under_autocast_it_computes_in_float32():
    layer = pack()
    x, feature = torch.randn(2, 2, 4, 6, 5).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        out = layer(x, feature)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, layer(x.float(), feature.float()).bfloat16())


@pytest.mark.parametrize('groups', [0, 3, 8])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(ValueError, match=f'divide 4 channels, got {groups}'):
        DeformConvPack(4, groups)
