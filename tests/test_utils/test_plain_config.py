# Copyright (c) DKSAN-MM contributors.
"""Configs are read as by mmengine."""
from pathlib import Path

import pytest
from mmengine.config import Config

from dksan_mm.utils.plain_config import read_model

CONFIGS = Path(__file__).parents[2] / 'configs'


@pytest.mark.parametrize('name', [
    'dksan-s_vid3oc_x16', 'bicubic_vid3oc_x16', 'edvr-s_vid3oc_x16',
    'dksan/ablations/dksan-s_vid3oc_x16_backbone'
])
def test_the_model_is_mmengines(name):
    path = CONFIGS / f'{name}.py'
    expected = Config.fromfile(path, import_custom_modules=False).model
    assert read_model(path) == expected.to_dict()


def test_dicts_are_merged_and_deleted(tmp_path):
    (tmp_path /
     'base.py').write_text('model = dict(a=dict(x=1, y=2), b=dict(x=1), c=3)')
    (tmp_path / 'other.py').write_text('lr = 3')
    (tmp_path / 'top.py').write_text(
        "_base_ = ['base.py', 'other.py', 'mmagic::_base_/nothing.py']\n"
        'model = dict(a=dict(y=5), b=dict(_delete_=True, z=1), c=dict(d=4))')
    assert read_model(tmp_path / 'top.py') == dict(
        a=dict(x=1, y=5), b=dict(z=1), c=dict(d=4))
    assert read_model(tmp_path / 'other.py') == {}
