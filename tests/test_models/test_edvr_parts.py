# Copyright (c) DKSAN-MM contributors.
"""EDVR's parts equal mmagic's in names, initial weights and numbers."""
import pytest
import torch
from mmagic.models.archs import PixelShufflePack as TheirPixelShufflePack
from mmagic.models.editors.edvr import edvr_net as theirs
from mmcv.cnn import ConvModule
from torch.testing import assert_close

from dksan_mm.models import edvr_parts as ours

LEAKY = dict(type='LeakyReLU', negative_slope=0.1)
PARTS = {
    'conv':
    (lambda: ours.ConvAct(4, 6),
     lambda: ConvModule(4, 6, 3, padding=1, act_cfg=LEAKY), (2, 4, 5, 6)),
    'strided conv':
    (lambda: ours.ConvAct(4, 6, stride=2),
     lambda: ConvModule(4, 6, 3, 2, 1, act_cfg=LEAKY), (2, 4, 5, 6)),
    'conv alone':
    (lambda: ours.ConvAct(4, 6, activation=False),
     lambda: ConvModule(4, 6, 3, padding=1, act_cfg=None), (2, 4, 5, 6)),
    'shuffle': (lambda: ours.PixelShufflePack(4, 6),
                lambda: TheirPixelShufflePack(4, 6, 2, 3), (2, 4, 5, 6)),
    'TSA': (lambda: ours.TSAFusion(4, 5), lambda: theirs.TSAFusion(4, 5, 2),
            (2, 5, 4, 8, 12)),
}


def start(build):
    torch.manual_seed(3)
    return build()


def assert_same_weights(ours, theirs):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert_close(
        dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize('name', PARTS)
def test_a_part_starts_and_computes_as_mmagic_s(name):
    our_part, their_part, shape = PARTS[name]
    our_part, their_part = start(our_part), start(their_part)
    assert_same_weights(our_part, their_part)
    x = torch.rand(shape)
    assert_close(our_part(x), their_part(x), rtol=1e-6, atol=1e-6)


def test_the_alignment_starts_and_computes_as_mmagic_s():
    our_part = start(lambda: ours.PCDAlignment(8, 2))
    their_part = start(lambda: theirs.PCDAlignment(8, 2))
    assert_same_weights(our_part, their_part)
    for name, parameter in their_part.named_parameters():
        if 'conv_offset' in name:
            torch.nn.init.normal_(parameter, std=0.3)
    our_part.load_state_dict(their_part.state_dict())
    frames = [[torch.rand(2, 8, 8 // s, 12 // s) for s in (1, 2, 4)]
              for _ in range(2)]
    assert_close(our_part(*frames), their_part(*frames), rtol=1e-5, atol=1e-5)


def test_mmengine_initialises_the_alignment_as_mmagic_s():
    our_part, their_part = ours.PCDAlignment(8, 2), theirs.PCDAlignment(8, 2)
    our_part.load_state_dict(their_part.state_dict())
    for part in (our_part, their_part):
        torch.manual_seed(4)
        part.init_weights()
    assert_same_weights(our_part, their_part)


def test_edvr_s_attention_starts_as_mmagic_s():
    """After mmengine's initialisation, in a network of mmagic."""
    net = theirs.EDVRNet(3, 3, 4, 5, 2, 1, 1, 2)
    net.init_weights()
    torch.manual_seed(5)
    net.init_weights()  # already done: the attention alone, again
    fusion = ours.TSAFusion(4, 5)
    fusion.load_state_dict(net.fusion.state_dict())
    torch.manual_seed(5)
    fusion.init_attention()
    assert_same_weights(fusion, net.fusion)
