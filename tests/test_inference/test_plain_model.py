# Copyright (c) DKSAN-MM contributors.
import pytest
import torch
from mmagic.registry import MODELS
from mmengine.registry import init_default_scope

from dksan_mm.inference.plain_model import PlainModel
from dksan_mm.inference.streaming import restore_frames

CONFIG = dict(
    type='WindowVSR',
    generator=dict(
        type='DKSANNet', channels=8, num_blocks=(1, 1), reduction=4),
    evaluator=dict(type='DKSANEvaluator', band_pixels=64),
    pixel_loss=dict(type='CharbonnierLoss'),
    data_preprocessor=dict(
        type='DataPreprocessor', mean=[1., 2., 3.], std=[255., 200., 250.]))


def frames():
    return torch.randint(0, 256, (3, 5, 6, 3), dtype=torch.uint8).numpy()


@pytest.mark.parametrize('test_cfg', [None, dict(scale=2, ensemble=True)])
def test_it_takes_the_place_of_mmagics_model(test_cfg):
    init_default_scope('mmagic')
    config = dict(CONFIG, test_cfg=test_cfg)
    theirs, ours = MODELS.build(config).eval(), PlainModel(config).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    clip = list(frames())
    for one, other in zip(
            restore_frames(ours, clip), restore_frames(theirs, clip)):
        assert (one == other).all()
        assert one.shape == ((10, 12, 3) if test_cfg else (20, 24, 3))


def test_it_may_have_no_evaluator():
    config = dict(
        CONFIG, evaluator=None, generator=dict(type='BicubicNet', scale=4))
    image, *_ = restore_frames(PlainModel(config), list(frames()))
    assert image.shape == (20, 24, 3)


def test_networks_of_others_are_refused():
    with pytest.raises(ValueError, match='^OtherNet is none of BicubicNet'):
        PlainModel(dict(CONFIG, generator=dict(type='OtherNet')))
