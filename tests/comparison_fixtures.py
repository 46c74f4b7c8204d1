# Copyright (c) DKSAN-MM contributors.
"""A comparison's results and frames, without running any model."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dksan_mm.comparison.request import DataSpec, ModelSpec, Task
from dksan_mm.comparison.scores import kind_of
from dksan_mm.image_quality import psnr
from dksan_mm.resize import matlab_resize

VIDEOS = ('<b>x</b>', '"|_`')  # names that a page or table might take as code
SIZE = (96, 128)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def model_results(videos, **others):
    """A model's part of the results, of PSNR and NIQE values by video."""
    names = ('PSNR', 'NIQE')
    scores = {v: dict(zip(names, values)) for v, values in videos.items()}
    means = {
        n: float(np.mean([s[n] for s in scores.values() if n in s]))
        for n in names
    }
    return dict(
        dict(
            config='a.py',
            checkpoint=None,
            averages=means,
            videos=scores,
            untrained=False,
            network='Net',
            parameters=1_234_567,
            multiply_adds=39_400_000_000,
            multiply_adds_lr_size=[6, 8],
            seconds_per_frame=1.125,
            peak_memory=300 << 20,
            peak_memory_kind='growth of resident memory',
            device='cpu',
            threads=2), **others)


def make_results(models):
    """What collect() returns, of two videos."""
    return dict(
        data=dict(
            root='r',
            split='val',
            max_frames=None,
            videos={
                v: dict(frames=['000000'], available=5, shown='000000')
                for v in VIDEOS
            }),
        metrics={n: kind_of(n)._asdict()
                 for n in ('PSNR', 'NIQE')},
        models=models,
        paper=None,
        versions=dict(torch='2'),
        machine=dict(cpu='a <cpu>', cores=2),
        command='compare.py --out "<o>"',
        date='2026-01-01')


@pytest.fixture
def comparison(tmp_path):
    """``results`` and ``tasks`` of three models: 'a <i>', 'raw', 'bad'."""
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
