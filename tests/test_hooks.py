# Copyright (c) DKSAN-MM contributors.
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from dksan_mm.hooks import PlainCheckpointHook, ResultsFileHook


def test_the_log_history_survives_a_plain_checkpoint(tmp_path):
    history = HistoryBuffer([3., 1.], [1, 2], max_length=50)
    checkpoint = dict(
        message_hub=dict(
            log_scalars={'train/loss': history},
            runtime_info=dict(iter=3, eta=np.float64(0.5))))
    hook = PlainCheckpointHook()
    hook.before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'plain.pth')
    loaded = torch.load(tmp_path / 'plain.pth', weights_only=True)
    hook.after_load_checkpoint(None, loaded)
    restored = loaded['message_hub']['log_scalars']['train/loss']
    assert type(restored) is HistoryBuffer and restored.max_length == 50
    assert all(map(np.array_equal, restored.data, history.data))
    restored.update(5.)
    assert restored.mean() == pytest.approx(9 / 4)
    assert loaded['message_hub']['runtime_info'] == dict(iter=3, eta=0.5)


@pytest.mark.parametrize('checkpoint', [
    {},
    dict(message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))),
])
def test_other_checkpoints_load_as_they_are(checkpoint):
    before = repr(checkpoint)
    PlainCheckpointHook().after_load_checkpoint(None, checkpoint)
    assert repr(checkpoint) == before


def loop(*videos):
    """A test loop as mmagic's, its metrics with values per video."""
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
