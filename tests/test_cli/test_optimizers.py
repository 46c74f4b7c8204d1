# Copyright (c) DKSAN-MM contributors.
"""Unknown optimizers are reported, and known ones are accepted."""
import pytest
import torch
from mmengine.config import Config

from dksan_mm.cli import launch, runners
from dksan_mm.utils.errors import UserError


def check(**wrapper):
    """Check an ``optim_wrapper`` as the tools do, before anything is built."""
    launch.import_modules(
        Config(
            dict(custom_imports=dict(imports=['dksan_mm.engine.optimizers']))))
    runner = type('Runner', (), dict(from_cfg=classmethod(lambda *_: 'built')))
    runner.__init__ = object.__init__
    for name in runners.BUILDERS:
        setattr(runner, name, len)
    config = dict(train_dataloader={}, train_cfg={}, optim_wrapper=wrapper)
    return runners.build_runner(runner, Config(config))


@pytest.mark.parametrize('wrapper, said', [
    (dict(optimizer=dict(type='Adamm')), 'optimizer Adamm; did you mean Adam'),
    (dict(generator=dict(optimizer=dict(type='Xyzzy'))),
     'no optimizer Xyzzy; add the module of'),
])
def test_unknown_optimizers_are_named(wrapper, said):
    with pytest.raises(UserError, match=said):
        check(**wrapper)


@pytest.mark.parametrize('kind', ['Adam', 'ConvMuon', torch.optim.SGD, None])
def test_others_are_left_to_the_builder(kind):
    assert check(optimizer=dict(type=kind)) == 'built'
