# Copyright (c) DKSAN-MM contributors.
import weakref

import numpy as np
import pytest
from helpers.metric_samples import frames, sample, score
from mmagic.registry import METRICS

from dksan_mm.datasets import ConsecutiveSampler
from dksan_mm.evaluation.metrics import VideoTemporalError, temporal


def clip(video, numbers, template='%06d'):
    """Return samples of a video, and its images: RGB truth and prediction."""
    pairs = list(frames(len(numbers)))
    names = [f'{video}/{template}' % number for number in numbers]
    return [sample(name, *pair) for name, pair in zip(names, pairs)], pairs


def slow_error(pairs, weights=None):
    """Compute the mean over a video's changes by the definition."""
    truth, prediction = (
        np.array(images, np.float64) for images in zip(*pairs))
    prediction = np.round(prediction)
    if weights is not None:
        truth, prediction = (16 + (images * weights).sum(-1) / 255
                             for images in (truth, prediction))
    changes = [(prediction[t] - prediction[t - 1]) - (truth[t] - truth[t - 1])
               for t in range(1, len(truth))]
    return np.mean([np.abs(change).mean() for change in changes])


def test_it_is_in_mmagic_s_registry():
    metric = METRICS.build(dict(type='VideoTemporalError', border=4))
    assert isinstance(metric, VideoTemporalError) and metric.border == 4


def test_it_equals_its_definition_and_videos_count_alike():
    short, pairs = clip('a', (7, 8))
    long, more = clip('b', range(4))
    metric = VideoTemporalError()
    values = score(metric, [*short, *long])
    for name, weights in (('TE', None), ('TE_Y', (65.481, 128.553, 24.966))):
        expected = [slow_error(pairs, weights), slow_error(more, weights)]
        assert metric.videos['a'][name] == pytest.approx(expected[0])
        assert metric.videos['b'][name] == pytest.approx(expected[1])
        assert values[name] == pytest.approx(np.mean(expected))


def test_what_is_wrong_in_every_frame_alike_does_not_count():
    samples = []
    for number, (truth, _) in enumerate(frames(3)):
        truth = truth // 2
        samples.append(sample(f'a/{number}', truth, truth + 30.))
    assert score(VideoTemporalError(), samples) == dict(TE=0, TE_Y=0)


def test_flicker_counts_by_its_size():
    still = np.full((8, 9, 3), 100, np.uint8)
    samples = [
        sample(f'a/{number}', still, still + 4. * (number % 2))
        for number in range(4)
    ]
    assert score(VideoTemporalError('RGB'), samples) == dict(TE=4)


def test_frames_may_have_a_name_before_their_number():
    samples, pairs = clip('a', (1, 2, 3), 'Frame %03d')
    assert score(VideoTemporalError(),
                 samples)['TE'] == pytest.approx(slow_error(pairs))


def test_frames_without_their_predecessor_do_not_count():
    samples, pairs = clip('a', (3, 4, 7, 8))
    expected = (slow_error(pairs[:2]) + slow_error(pairs[2:])) / 2
    assert score(VideoTemporalError(),
                 samples)['TE'] == pytest.approx(expected)


def test_a_video_of_one_frame_is_left_out():
    samples, pairs = clip('b', (0, 1))
    alone, _ = clip('a', (0, ))
    metric = VideoTemporalError()
    value = score(metric, [*alone, *samples])['TE']
    assert value == pytest.approx(slow_error(pairs))
    assert list(metric.videos) == ['b']
    assert score(VideoTemporalError(), alone) == {}


def test_neighbours_of_different_videos_are_no_neighbours():
    first, _ = clip('a', (0, ))
    second, _ = clip('b', (1, ))
    assert score(VideoTemporalError(), [*first, *second]) == {}


def gathered(monkeypatch, ranks):
    """Return the results of each of several processes."""
    shares = {
        'dksan_mm.evaluation.metrics.video_metric':
        [list(r.results) for r in ranks],
        'dksan_mm.evaluation.metrics.temporal':
        [(r._first, r._last) for r in ranks]
    }
    for module, share in shares.items():
        monkeypatch.setattr(
            f'{module}.all_gather_object', lambda _, share=share: share)
    monkeypatch.setattr(temporal, 'get_world_size', lambda: len(ranks))
    values = [rank.evaluate() for rank in ranks]
    monkeypatch.undo()
    return values


@pytest.mark.parametrize('processes', [2, 3, 5, 9])
def test_processes_together_score_like_one(monkeypatch, processes):
    """Blocks end within videos, or contain only padding."""
    samples = [*clip('a', range(5))[0], *clip('b', range(2))[0]]
    alone = VideoTemporalError()
    expected = score(alone, samples)
    ranks = [VideoTemporalError() for _ in range(processes)]
    for number, rank in enumerate(ranks):
        monkeypatch.setattr('dksan_mm.datasets.samplers.get_dist_info', lambda:
                            (number, processes))
        for index in ConsecutiveSampler(samples):
            rank.process(None, [samples[index]])
    for rank, values in zip(ranks, gathered(monkeypatch, ranks)):
        assert values == pytest.approx(expected, abs=1e-12)
        assert rank.videos['a'] == pytest.approx(alone.videos['a'], abs=1e-12)


def test_frames_dealt_out_in_turn_give_a_warning_and_no_value(monkeypatch):
    logged = []
    monkeypatch.setattr(temporal, 'print_log',
                        lambda text, **kwargs: logged.append(text))
    samples, _ = clip('a', range(6))
    ranks = [VideoTemporalError(), VideoTemporalError()]
    for number, rank in enumerate(ranks):
        rank.process(None, samples[number::2])
    with monkeypatch.context() as patch:
        assert gathered(patch, ranks) == [{}, {}]
    assert 'frame 2 of a' in logged[0] and 'ConsecutiveSampler' in logged[0]


def test_an_evaluation_starts_afresh():
    first, _ = clip('a', (0, 1))
    second, _ = clip('a', (2, 3))
    metric = VideoTemporalError()
    score(metric, first)
    assert score(metric, second) == score(VideoTemporalError(), second)


def test_no_more_than_two_frames_are_kept(monkeypatch):
    """All earlier errors are freed."""
    made, subtract = [], np.subtract

    def spy(*args, **kwargs):
        error = subtract(*args, **kwargs)
        made.append(weakref.ref(error))
        return error

    samples, _ = clip('a', range(6))
    monkeypatch.setattr(temporal.np, 'subtract', spy)
    metric = VideoTemporalError()
    for one in samples:
        metric.process(None, [one])
    assert len(made) == 6
    assert [error() is not None for error in made] == [1, 0, 0, 0, 0, 1]
    metric.evaluate()
    assert not any(error() is not None for error in made)


def test_what_cannot_be_scored_is_named():
    samples, _ = clip('a', (0, 1))
    samples[1]['key'] = 'a/last'
    with pytest.raises(ValueError, match='a/last is not named by its number'):
        score(VideoTemporalError(), samples)
    (truth, prediction), = frames(1, shape=(16, 16, 3))
    samples[1] = sample('a/000001', truth, prediction)
    with pytest.raises(ValueError, match='frame 1 of a has another size'):
        score(VideoTemporalError(), samples)
