# Copyright (c) DKSAN-MM contributors.
"""A small exported network, and other networks to export."""
import pytest
import torch
from torch import nn

from dksan_mm.inference.onnx_export import export_onnx
from dksan_mm.inference.plain_model import PlainModel

GREY = dict(mean=[10., 20., 30.], std=[200., 255., 250.])
DKSAN = dict(
    type='DKSANNet',
    channels=8,
    num_blocks=(1, 1),
    reduction=2,
    deform_groups=2,
    num_frames=3,
    num_extract_blocks=1,
    mean=0.3)
EDVR = dict(
    type='EDVRX16Net',
    channels=8,
    num_blocks=1,
    num_frames=3,
    num_extract_blocks=1,
    deform_groups=2,
    tail_channels=4)


def make_model(generator, seed=0):
    """Make a network in which every part has an effect."""
    torch.manual_seed(seed)
    model = PlainModel(dict(generator=generator, data_preprocessor=GREY))
    for name, parameter in model.named_parameters():
        small = 'offset' in name or parameter.ndim == 1
        nn.init.normal_(parameter, std=.05 if small else .15)
    return model.eval()


@pytest.fixture(scope='session')
def exported(tmp_path_factory):
    """Return a model and the path of its graphs. Read only."""
    model = make_model(DKSAN)
    path = str(tmp_path_factory.mktemp('exported') / 'small.onnx')
    export_onnx(model, path, name='small')
    return model, path
