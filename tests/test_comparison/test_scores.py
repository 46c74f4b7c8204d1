# Copyright (c) DKSAN-MM contributors.
import importlib.util
from pathlib import Path

import pytest
from mmengine.config import Config

from dksan_mm.comparison import scores
from dksan_mm.utils.errors import UserError

ROOT = Path(__file__).parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets' / 'vid3oc_x16.py'


def test_metrics_are_set_as_in_the_configs():
    evaluator = Config.fromfile(BASE).test_evaluator
    assert [scores.METRICS[name] for name in scores.DEFAULT] == evaluator


@pytest.mark.parametrize('value, better',
                         [('PSNR_Y', 'higher'), ('SSIM', 'higher'),
                          ('TE_Y', 'lower'), ('NIQE', 'lower'),
                          ('LPIPS', 'lower'), ('STLPIPS', 'lower')])
def test_values_have_a_direction(value, better):
    assert scores.kind_of(value).better == better


def test_a_metric_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr(scores, 'find_spec', lambda name: None)
    scores.check_metrics(scores.DEFAULT)
    with pytest.raises(UserError, match='needs the package lpips'):
        scores.check_metrics(['psnr', 'lpips'])
    with pytest.raises(UserError, match='pip install stlpips_pytorch'):
        scores.check_metrics(['psnr', 'stlpips'])
    monkeypatch.setattr(scores, 'find_spec', importlib.util.find_spec)
