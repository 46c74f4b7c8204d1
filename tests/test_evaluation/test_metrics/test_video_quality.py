# Copyright (c) DKSAN-MM contributors.
"""Videos for the package cvvdp: complete, in order, once."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.metric_samples import sample, score
from helpers.stand_ins import install
from mmagic.registry import METRICS

from dksan_mm.evaluation.metrics import VideoCVVDP
from dksan_mm.utils.errors import UserError


class NoDisplay(Exception):
    """Error of the package."""


@pytest.fixture
def calls(monkeypatch):
    """Install a cvvdp that records its videos; it returns 10 - mean error."""
    seen = []

    class Metric:

        def __init__(self, display_name, device, quiet):
            if display_name == 'none':
                raise NoDisplay("'none' not found")

        def predict(self, test, reference, dim_order, frames_per_second):
            assert test.dtype == reference.dtype == np.uint8
            seen.append((test, reference, dim_order, frames_per_second))
            error = test.astype(float) - reference
            return 10 - np.abs(error).mean(), None

    install(monkeypatch, 'pycvvdp', cvvdp=Metric, __path__=[])
    install(monkeypatch, 'pycvvdp.vq_metric', vq_exception=NoDisplay)
    return seen


def frames(count, error, size=(8, 10)):
    """Return truth and a brighter prediction, with one grey per frame."""
    truth = [np.full((*size, 3), 10 * k, np.uint8) for k in range(count)]
    return [(image, image + np.uint8(error)) for image in truth]


def test_each_video_is_scored_as_a_whole_whatever_the_order(calls):
    metric = METRICS.build(dict(type='VideoCVVDP', fps=24.))
    parts = [(f'a/{k:06}', *pair) for k, pair in enumerate(frames(12, 2))]
    others = [(f'b b/{k}', *pair) for k, pair in enumerate(frames(2, 4), 7)]
    order = [*parts[6:], others[1], *parts[:6], others[0]]
    value = score(metric, [sample(*one) for one in order])
    assert value == dict(CVVDP=pytest.approx((8 + 6) / 2))
    assert metric.videos == {'a': dict(CVVDP=8.), 'b b': dict(CVVDP=6.)}
    (test, truth, order, fps), _ = calls
    assert (order, fps) == ('FHWC', 24.)
    assert test.shape == (12, 8, 10, 3)
    assert truth[:, 0, 0, 0].tolist() == list(range(0, 120, 10))


def test_nothing_is_left_over(calls):
    metric = VideoCVVDP()
    data = [sample(f'a/{k}', *pair) for k, pair in enumerate(frames(3, 1))]
    for one in data:
        metric.process(None, [one])
    folder = metric._folder
    assert len(list(folder.rglob('*.npy'))) == 3
    metric.evaluate()
    assert not folder.exists()
    assert score(metric, data[:2]) == dict(CVVDP=9.)
    assert len(calls) == 2


def test_a_video_with_a_gap_has_no_value(calls, caplog):
    metric = VideoCVVDP()
    data = [sample(f'a/{k}', *frames(1, 1)[0]) for k in (0, 10, 20)]
    data += [sample(f'b/{k}', *frames(1, 3)[0]) for k in (4, 5)]
    assert score(metric, data) == dict(CVVDP=7.)
    assert list(metric.videos) == ['b']


def test_videos_are_finished_before_the_others_begin(calls):
    """A comparison keeps the rows and continues later."""
    metric, rows = VideoCVVDP(), []
    for video, error in (('a', 1), ('b', 3)):
        for k, pair in enumerate(frames(2, error)):
            metric.process(None, [sample(f'{video}/{k}', *pair)])
        metric.finish_videos()
        rows += metric.results
        metric.results.clear()
    metric.results.extend(rows)
    assert metric.evaluate() == dict(CVVDP=8.)
    assert len(calls) == 2


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pycvvdp', None)
    with pytest.raises(UserError, match='needs the package cvvdp.*pip inst'):
        score(VideoCVVDP(), [sample('a/0', *frames(1, 1)[0])])


def test_wrong_arguments_are_named(calls):
    with pytest.raises(ValueError, match='fps must be positive, got 0'):
        VideoCVVDP(fps=0)
    with pytest.raises(ValueError, match="no display 'none'"):
        score(VideoCVVDP(display='none'), [sample('a/0', *frames(1, 1)[0])])


def test_the_authors_package():
    """With the package, flicker costs more than an equal static error."""
    pytest.importorskip('pycvvdp')
    rng = np.random.default_rng(0)
    truth = np.full((8, 96, 96, 3), 128, np.uint8)
    still = rng.integers(-12, 13, (1, 96, 96, 1))
    moving = rng.integers(-12, 13, (8, 96, 96, 1))
    values = []
    for error in (0 * still, still, moving):
        seen = (truth + error).astype(np.uint8)
        values.append(
            score(VideoCVVDP(), [
                sample(f'a/{k}', *pair)
                for k, pair in enumerate(zip(truth, seen))
            ])['CVVDP'])
    assert values[0] == 10 and max(values[1:]) < 10
    assert values[1] != values[2]


PROGRAM = '''
import sys
import numpy as np
import pytest
import torch.distributed as dist
from helpers.metric_samples import sample
from helpers.stand_ins import install

class Metric:
    def __init__(self, display_name, device, quiet):
        pass
    def predict(self, test, reference, **kwargs):
        assert reference[:, 0, 0, 0].tolist() == [0, 10, 20, 30]
        return 10 - np.abs(test.astype(float) - reference).mean(), None

patch = pytest.MonkeyPatch()
install(patch, 'pycvvdp', cvvdp=Metric, __path__=[])
install(patch, 'pycvvdp.vq_metric', vq_exception=ValueError)

from dksan_mm.evaluation.metrics import VideoCVVDP
rank = int(sys.argv[1])
dist.init_process_group('gloo', f'file://{sys.argv[2]}', rank=rank,
                        world_size=2)
metric = VideoCVVDP()
metric._make_folder()  # together, as ``prepare`` does
for k in range(rank, 4, 2):
    truth = np.full((8, 10, 3), 10 * k, np.uint8)
    metric.process(None, [sample(f'a/{k}', truth, truth + np.uint8(k))])
print(metric.evaluate()['CVVDP'])
'''


@pytest.mark.processes
def test_two_processes_score_like_one(tmp_path):
    children = [
        subprocess.Popen([
            sys.executable, '-W', 'ignore', '-c', PROGRAM,
            str(rank),
            str(tmp_path / 'meet')
        ],
                         cwd=Path(__file__).parents[2],
                         env={
                             **os.environ, 'PYTHONPATH':
                             os.pathsep.join(sys.path)
                         },
                         stdout=subprocess.PIPE,
                         text=True) for rank in range(2)
    ]
    found = [
        child.communicate(timeout=300)[0].split()[-1] for child in children
    ]
    assert found == ['8.5', '8.5']
