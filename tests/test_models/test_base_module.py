# Copyright (c) DKSAN-MM contributors.
"""The stand-in is initialised like mmengine's own class."""
import mmengine.model
import pytest
import torch
from torch import nn

from dksan_mm.models.base_module import BaseModule

NORMAL = dict(type='Normal', layer='Conv2d', std=0.5, bias=1.)


def build(base, init_cfg):

    class Inner(base):

        def __init__(self):
            super().__init__(init_cfg=init_cfg)
            self.conv = nn.Conv2d(3, 3, 3)

    class Net(base):

        def __init__(self):
            super().__init__(init_cfg=init_cfg and [init_cfg])
            self.inner, self.conv = Inner(), nn.Conv2d(3, 2, 1)

    torch.manual_seed(0)
    return Net()


@pytest.mark.parametrize('init_cfg', [None, NORMAL])
def test_init_weights_is_mmengines(init_cfg):
    nets = [
        build(base, init_cfg)
        for base in (BaseModule, mmengine.model.BaseModule)
    ]
    assert not nets[0].is_init
    for net in nets:
        torch.manual_seed(1)
        net.init_weights()
    ours, theirs = nets
    assert ours.is_init and ours.inner.is_init
    torch.testing.assert_close(
        dict(ours.state_dict()), dict(theirs.state_dict()), rtol=0, atol=0)
    assert (ours.conv.bias == 1).all() == (init_cfg is not None)


def test_a_model_of_mmengines_initialises_it():
    model = mmengine.model.Sequential(build(BaseModule, NORMAL))
    model.init_weights()
    assert model[0].is_init and (model[0].inner.conv.bias == 1).all()
    assert not hasattr(model[0], '_params_init_info')


def test_the_config_is_its_own():
    config = dict(NORMAL)
    net = build(BaseModule, config)
    config['std'] = 9
    assert net.init_cfg[0]['std'] == net.inner.init_cfg['std'] == 0.5
