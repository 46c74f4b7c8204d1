# Copyright (c) DKSAN-MM contributors.
import json
from types import SimpleNamespace

from dksan_mm.engine.hooks import ResultsFileHook


def loop(*videos):
    """Return a test loop like mmagic's, whose metrics have videos."""
    metrics = [SimpleNamespace(videos=values) for values in videos]
    other = SimpleNamespace()  # a metric that keeps no videos
    return SimpleNamespace(
        evaluators=[SimpleNamespace(metrics=[*metrics, other])])


def test_results_of_all_metrics_meet_in_one_file(tmp_path):
    path = tmp_path / 'out.json'
    runner = SimpleNamespace(
        test_loop=loop({'050': dict(PSNR=25.)}, {'050': dict(SSIM=.7)}))
    ResultsFileHook(str(path)).after_test_epoch(
        runner, metrics=dict(PSNR=25., SSIM=.7))
    assert json.loads(path.read_text()) == dict(
        metrics=dict(PSNR=25., SSIM=.7),
        videos={'050': dict(PSNR=25., SSIM=.7)})
    assert list(tmp_path.iterdir()) == [path]


def test_mmengine_s_own_loop_has_one_evaluator(tmp_path):
    path = tmp_path / 'out.json'
    metric = SimpleNamespace(videos={'a': dict(PSNR=1.)})
    runner = SimpleNamespace(
        test_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric])))
    ResultsFileHook(str(path)).after_test_epoch(runner, metrics=dict(PSNR=1.))
    assert json.loads(path.read_text())['videos'] == metric.videos
