# Copyright (c) DKSAN-MM contributors.
"""Results and frames of a comparison, without running any model."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.comparison_data import VIDEOS, make_results, model_results

from dksan_mm.comparison.request import DataSpec, ModelSpec, Task
from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.utils.resize import matlab_resize

SIZE = (96, 128)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def comparison(tmp_path):
    """Return ``results`` and ``tasks`` of models 'a <i>', 'raw', 'bad'."""
    rng = np.random.default_rng(0)
    data = DataSpec(str(tmp_path / 'data'), 'val', 'clips.txt')
    tasks = [
        Task(ModelSpec(name, 'a.py'), data, str(tmp_path), ('psnr', ))
        for name in ('a <i>', 'raw', 'bad')
    ]
    scores = {}
    for video in VIDEOS:
        truth = rng.integers(0, 256, (*SIZE, 3), np.uint8)
        truth = cv2.blur(truth, (9, 9))
        lr = matlab_resize(truth, 1 / 16)
        frame = f'{video}/000000.png'
        write(tmp_path / 'data' / data.hr / frame, truth)
        write(tmp_path / 'data' / data.lr / frame, lr)
        for place, name in enumerate(('a <i>', 'raw')):
            image = cv2.blur(truth, (5 + 6 * place, ) * 2)
            write(tmp_path / 'frames' / name / frame, image)
            scores.setdefault(name, {})[video] = (psnr(truth, image), 5.)
    results = make_results({
        'a <i>':
        model_results(scores['a <i>'], checkpoint='c.pth'),
        'raw':
        model_results(scores['raw'], untrained=True),
        'bad':
        dict(config='b.py', checkpoint=None, error='no <memory>'),
    })
    return SimpleNamespace(results=results, tasks=tasks)
