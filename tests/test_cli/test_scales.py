# Copyright (c) DKSAN-MM contributors.
import pytest
from mmengine.config import Config

from dksan_mm.cli.scales import SCALES, set_scale
from dksan_mm.utils.errors import UserError


def make_config(folder='val/LRx16', **model):
    pipeline = [
        dict(type='LoadFrames', key='img'),
        dict(type='CheckFrames', scale=16)
    ]
    return Config(
        dict(
            model=dict(type='WindowVSR', **model),
            test_dataloader=dict(
                dataset=dict(
                    data_root='data',
                    data_prefix=dict(img=folder, gt='val/HR'),
                    pipeline=pipeline))))


@pytest.mark.parametrize('scale', SCALES)
def test_model_and_data_get_the_scale(scale):
    config = make_config(test_cfg=dict(other=1))
    set_scale(config, scale)
    dataset = config.test_dataloader.dataset
    assert config.model.test_cfg == dict(other=1, scale=scale)
    assert dataset.data_prefix == dict(img=f'val/LRx{scale}', gt='val/HR')
    assert dataset.pipeline[1].scale == scale
    assert 'scale' not in dataset.pipeline[0]


def test_a_folder_that_names_no_scale():
    with pytest.raises(UserError, match='data_prefix.img is small, not'):
        set_scale(make_config('small'), 4)
