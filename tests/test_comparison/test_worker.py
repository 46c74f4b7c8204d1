# Copyright (c) DKSAN-MM contributors.
"""A model of a comparison, run in this process."""
import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import write_frames

import dksan_mm.datasets  # noqa: F401  (registers)
import dksan_mm.evaluation.metrics  # noqa: F401
import dksan_mm.models  # noqa: F401
from dksan_mm.comparison.request import DataSpec, ModelSpec, Task
from dksan_mm.comparison.worker import ModelRun, shown
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image
from dksan_mm.utils.resize import matlab_resize

CONFIG = str(
    Path(__file__).resolve().parents[2] / 'configs/bicubic_vid3oc_x16.py')


@pytest.fixture
def task(tmp_path):
    """Return a task with two clips of two frames and one frame of 48x64."""
    root, rng = tmp_path / 'data', np.random.default_rng(0)
    for clip, count in (('a', 2), ('b c', 1)):
        images = [
            cv2.blur(rng.integers(0, 256, (48, 64, 3), np.uint8), (9, 9))
            for _ in range(count)
        ]
        write_frames(root / 'val/HR' / clip, images)
        write_frames(root / 'val/LRx16' / clip,
                     [matlab_resize(image, 1 / 16) for image in images])
    (root / 'clips.txt').write_text('a\nb c\n')
    data = DataSpec(str(root), 'val', str(root / 'clips.txt'))
    return Task(
        ModelSpec('bicubic', CONFIG), data, str(tmp_path / 'out'), ('psnr', ),
        'cpu')


def run(task):
    told = []
    return ModelRun(task, lambda *message: told.append(message)).run(), told


def test_frames_are_restored_scored_and_not_computed_again(task):
    result, told = run(task)
    assert told == [('frames', 2, 3, 0), ('tick', 0, 1), ('tick', 0, 2),
                    ('tick', 1, 3)]
    scores = {}
    for clip, count in (('a', 2), ('b c', 1)):
        scores[clip] = [
            psnr(*(read_image(f'{folder}/{clip}/{number:06d}.png')
                   for folder in (f'{task.data.root}/val/HR', task.frames)))
            for number in range(count)
        ]
        found = result['frames'][clip].values()
        assert [values['PSNR'] for values in found] == scores[clip]
        assert result['videos'][clip]['PSNR'] == pytest.approx(
            np.mean(scores[clip]))
    # The mean of the clips' means, not of all frames.
    assert result['averages']['PSNR'] == pytest.approx(
        np.mean([np.mean(values) for values in scores.values()]))
    assert result['clips']['a'] == dict(
        frames=['000000', '000001'],
        available=2,
        lr_size=[3, 4],
        shown='000001')
    assert (result['network'], result['untrained'], result['device'],
            result['parameters']) == ('BicubicNet', False, 'cpu', 0)
    again, told = run(task)
    assert told == [('frames', 2, 0, 3)] and again == result


def test_a_metric_of_the_user_is_computed_again_when_its_code_changes(
        task, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    task = dataclasses.replace(task, metrics=('psnr', 'own_constant:Own'))
    for value in (1., 2.):
        (tmp_path / 'own_constant.py').write_text(f"""
from dksan_mm.evaluation.metrics import VideoMetric
class Own(VideoMetric):
    metric, better, digits, unit = 'C', 'lower', 1, 'apples'
    def score(self, truth, prediction):
        return {value}
""")
        sys.modules.pop('own_constant', None)
        result, _ = run(task)
        assert result['averages']['C'] == result['averages']['C_Y'] == value
    kind = dict(better='lower', digits=1, unit='apples')
    psnr = dict(better='higher', digits=2, unit='dB')
    assert result['metrics'] == dict(PSNR=psnr, PSNR_Y=psnr, C=kind, C_Y=kind)


def test_the_middle_frame_of_a_clip_is_shown():
    assert [shown(list('abcde')[:count])
            for count in range(1, 6)] == list('abbcc')
