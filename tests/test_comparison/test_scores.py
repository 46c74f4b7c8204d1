# Copyright (c) DKSAN-MM contributors.
import importlib.util
from pathlib import Path

import pytest
from mmagic.registry import METRICS
from mmengine.config import Config

import dksan_mm.evaluation.metrics  # noqa: F401  (registers them)
from dksan_mm.comparison import scores
from dksan_mm.utils.errors import UserError

ROOT = Path(__file__).parents[2]
BASE = ROOT / 'configs' / '_base_' / 'datasets' / 'vid3oc_x16.py'


def test_metrics_are_set_as_in_the_configs():
    evaluator = Config.fromfile(BASE).test_evaluator
    assert [scores.METRICS[name] for name in scores.DEFAULT] == evaluator


@pytest.mark.parametrize('name, better',
                         [('psnr', 'higher'), ('ssim', 'higher'),
                          ('temporal', 'lower'), ('niqe', 'lower'),
                          ('lpips', 'lower'), ('stlpips', 'lower'),
                          ('cvvdp', 'higher')])
def test_metrics_have_a_direction(name, better):
    assert METRICS.get(scores.METRICS[name]['type']).better == better


def test_a_metric_without_its_package_is_refused(monkeypatch):
    monkeypatch.setattr(scores, 'find_spec', lambda name: None)
    scores.check_metrics(scores.DEFAULT)
    with pytest.raises(UserError, match='needs the package lpips'):
        scores.check_metrics(['psnr', 'lpips'])
    with pytest.raises(UserError, match='pip install stlpips_pytorch'):
        scores.check_metrics(['psnr', 'stlpips'])
    monkeypatch.setattr(scores, 'find_spec', importlib.util.find_spec)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a folder in the path with the module ``own_metrics``."""
    (tmp_path / 'own_metrics.py').write_text(
        'from dksan_mm.evaluation.metrics import VideoMetric\n'
        'class Error(VideoMetric):\n    better = "lower"\n'
        'def function(): ...\n')
    (tmp_path / 'own_broken.py').write_text('import a_package_not_there\n')
    monkeypatch.syspath_prepend(tmp_path)


def test_metrics_of_the_user_are_found_by_module_and_class(own):
    scores.check_metrics(['psnr', 'own_metrics:Error'])
    kind = scores.config_of('own_metrics:Error')['type']
    assert (kind.__name__, kind.better) == ('Error', 'lower')
    assert scores.config_of('psnr') == dict(type='VideoPSNR')


@pytest.mark.parametrize('name, message', [
    ('psnrr', 'there is no metric psnrr; choose from psnr, ssim.*MODULE:CLAS'),
    ('a-b:C', 'there is no metric a-b:C'),
    ('not_there:Error', 'there is no module not_there; add its .*PYTHONPATH'),
    ('not_there.inner:Error', 'there is no module not_there.inner'),
])
def test_metrics_that_do_not_exist_are_refused_at_once(own, name, message):
    with pytest.raises(UserError, match=message):
        scores.check_metrics(['psnr', name])


@pytest.mark.parametrize('name, message', [
    ('own_metrics:Missing', 'no subclass of VideoMetric .* name Missing'),
    ('own_metrics:function', 'no subclass of VideoMetric'),
    ('own_broken:Error', 'cannot be imported: .*a_package_not_there'),
])
def test_what_is_no_metric_is_named(own, name, message):
    scores.check_metrics([name])
    with pytest.raises(UserError, match=message):
        scores.config_of(name)
