# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
import torch
from helpers.metric_samples import frames, sample, score
from mmagic.datasets.transforms import PackInputs
from mmagic.evaluation import psnr as mmagic_psnr
from mmagic.models import DataPreprocessor
from mmagic.registry import METRICS
from mmagic.structures import DataSample

from dksan_mm.evaluation.functional.image_quality import luma, psnr, ssim
from dksan_mm.evaluation.metrics import VideoPSNR, VideoSSIM, frame_name
from dksan_mm.evaluation.metrics.video_metric import frame_number

PREPROCESSOR = dict(mean=[0., 0., 0.], std=[255., 255., 255.])


def test_they_are_in_mmagic_s_registry():
    metric = METRICS.build(dict(type='VideoPSNR', border=4))
    assert isinstance(metric, VideoPSNR) and metric.border == 4
    assert isinstance(METRICS.build(dict(type='VideoSSIM')), VideoSSIM)


@pytest.mark.parametrize('metric, function, name', [(VideoPSNR, psnr, 'PSNR'),
                                                    (VideoSSIM, ssim, 'SSIM')])
def test_frames_are_rounded_to_8_bits_and_scored_in_rgb_and_y(
        metric, function, name):
    truth, prediction = next(frames())
    rounded = np.rint(prediction).astype(np.uint8)
    values = score(metric(), [sample('000/000000', truth, prediction)])
    assert values == {
        name: pytest.approx(function(truth, rounded), abs=1e-12),
        f'{name}_Y':
        pytest.approx(function(luma(truth), luma(rounded)), abs=1e-12)
    }


def test_y_equals_mmagic_s():
    truth, prediction = next(frames())
    prediction = np.rint(prediction)
    expected = mmagic_psnr(truth, prediction, convert_to='Y')
    value = score(VideoPSNR(), [sample('000/000000', truth, prediction)])
    assert value['PSNR_Y'] == pytest.approx(expected, abs=1e-5)


def test_y_follows_the_channel_order_through_mmagic_s_preprocessor():
    """Loaded as RGB, a red error has weight 65.481, a blue one 24.966."""
    for channel, weight in enumerate((65.481, 128.553, 24.966)):
        truth = np.full((16, 16, 3), 100, np.uint8)
        prediction = truth.copy()
        prediction[..., channel] += 30
        expected = 20 * np.log10(255 / (30 * weight / 255))
        value = score(VideoPSNR('Y'), [preprocessed(truth, prediction)])
        assert value['PSNR_Y'] == pytest.approx(expected, abs=1e-4)


def preprocessed(truth, prediction):
    """Make a sample as mmagic's pipeline and BaseEditModel do."""
    packed = PackInputs(
        keys=['img'], meta_keys=['key'])(
            dict(
                img=[truth[:1, :1]] * 7,
                gt=truth,
                key='000/000000',
                img_channel_order='rgb',
                gt_channel_order='rgb'))
    preprocessor = DataPreprocessor(**PREPROCESSOR)
    data = preprocessor(
        dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']]))
    output = torch.from_numpy(prediction / 255).permute(2, 0, 1)[None].float()
    output = preprocessor.destruct(output, data['data_samples'])
    result = data['data_samples'].split()[0]
    result.output = DataSample(pred_img=output[0])
    return result.to_dict()


def test_every_video_counts_alike():
    pairs = list(frames(4))
    samples = [
        sample(key, *pair)
        for key, pair in zip(('a/0', 'b/0', 'b/1', 'b/2'), pairs)
    ]
    single = [score(VideoPSNR('RGB'), [s])['PSNR'] for s in samples]
    metric = VideoPSNR('RGB')
    mean_b = np.mean(single[1:])
    assert score(metric, samples)['PSNR'] == pytest.approx(
        (single[0] + mean_b) / 2)
    assert metric.videos['b']['PSNR'] == pytest.approx(mean_b)
    assert list(metric.videos) == ['a', 'b']


def test_a_frame_that_comes_twice_counts_once():
    first, second = (sample(key, *pair)
                     for key, pair in zip(('a/0', 'a/1'), frames(2)))
    once = score(VideoPSNR(), [first, second])
    assert score(VideoPSNR(), [first, second, first]) == once


def test_processes_together_score_like_one(monkeypatch):
    """Two ranks have five frames; the sampler pads the second share."""
    keys = ('a/0', 'a/1', 'b/0', 'b/1', 'b/2')
    samples = [sample(key, *pair) for key, pair in zip(keys, frames(5))]
    ranks = [VideoPSNR(), VideoPSNR()]
    ranks[0].process(None, samples[::2])
    ranks[1].process(None, [*samples[1::2], samples[0]])
    everything = [list(rank.results) for rank in ranks]
    monkeypatch.setattr(
        'dksan_mm.evaluation.metrics.video_metric.all_gather_object',
        lambda results: everything)
    together = [rank.evaluate(5) for rank in ranks]
    monkeypatch.undo()
    assert together[0] == together[1] == score(VideoPSNR(), samples)


def test_an_evaluation_starts_afresh():
    first, second = (sample(key, *pair)
                     for key, pair in zip(('a/0', 'b/1'), frames(2)))
    metric = VideoPSNR()
    score(metric, [first])
    assert score(metric, [second]) == score(VideoPSNR(), [second])
    assert list(metric.videos) == ['b']


def test_the_border_is_left_out():
    truth = np.full((20, 20, 3), 90, np.uint8)
    prediction = truth.copy()
    prediction[3] = 0
    damaged = sample('a/0', truth, prediction)
    perfect = psnr(truth[4:-4, 4:-4], truth[4:-4, 4:-4])
    assert score(VideoPSNR('RGB', border=4), [damaged])['PSNR'] == perfect
    assert score(VideoPSNR('RGB', border=3), [damaged])['PSNR'] < perfect


def test_identical_frames_leave_the_mean_finite():
    truth = np.full((16, 16, 3), 5, np.uint8)
    value = score(VideoPSNR(), [sample('a/0', truth, truth)])
    assert 0 < value['PSNR'] < float('inf')


def test_prefix_and_table(monkeypatch):
    logged = []
    monkeypatch.setattr('dksan_mm.evaluation.metrics.video_metric.print_log',
                        lambda text, logger: logged.extend(text.splitlines()))
    pairs = zip(('050/0010', '0515/0010'), frames(2))
    metric = VideoPSNR('RGB', prefix='IntVID')
    values = score(metric, [sample(key, *pair) for key, pair in pairs])
    assert list(values) == ['IntVID/PSNR']
    rows = [line.split() for line in logged]
    assert ['050', f'{metric.videos["050"]["PSNR"]:.4f}'] in rows
    assert rows[-1] == ['mean', f'{values["IntVID/PSNR"]:.4f}']


@pytest.mark.parametrize(
    'fields, expected',
    [(dict(key='050/000019', gt_path='x/y.png'), ('050', '000019')),
     (dict(key='day 1/cam.2/07'), ('day 1/cam.2', '07')),
     (dict(gt_path='HR/050/000019.png'), ('050', '000019')),
     (dict(gt_path=['HR/050/1.png', 'HR/050/2.png', 'HR/050/3.png']),
      ('050', '2'))])
def test_frame_name(fields, expected):
    assert frame_name(fields) == expected


@pytest.mark.parametrize('frame, number', [('000019', 19), ('Frame 001', 1),
                                           ('im12', 12), ('a.05', 5)])
def test_the_last_number_in_a_frame_s_name_is_its_own(frame, number):
    assert frame_number('050', frame) == number


def test_samples_that_cannot_be_scored_are_named():
    truth, prediction = next(frames())
    good = sample('050/000019', truth, prediction)
    without = {k: v for k, v in good.items() if k != 'gt_img'}
    with pytest.raises(ValueError, match='050/000019 has no ground truth'):
        VideoPSNR().process(None, [without])
    good['gt_img'] = good['gt_img'][:, 1:]
    with pytest.raises(ValueError, match='050/000019.*differ in size'):
        VideoPSNR().process(None, [good])
    with pytest.raises(ValueError, match="neither 'key' nor 'gt_path'"):
        frame_name({})
    good['key'] = '050/last'
    with pytest.raises(ValueError, match='050/last is not named by its num'):
        frame_number(*frame_name(good))
    with pytest.raises(ValueError, match='no frame was scored'):
        VideoPSNR().evaluate()


@pytest.mark.parametrize('arguments, message', [
    (dict(channels=('RGB', 'U')), "got .*'U'"),
    (dict(channels=()), 'channels'),
    (dict(border=-1), 'got -1'),
    (dict(channel_order='rgb'), "got 'rgb'"),
])
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VideoPSNR(**arguments)


def test_the_order_of_the_frames_changes_no_digit():
    """Each of several processes has every n-th frame."""
    values = np.random.default_rng(0).random((2, 31)) * 30
    rows = [(video, str(frame), dict(PSNR=value))
            for video, row in zip('ab', values)
            for frame, value in enumerate(row)]
    expected = VideoPSNR().compute_metrics(rows)
    for processes in range(2, 12):
        dealt = [rows[rank::processes] for rank in range(processes)]
        assert VideoPSNR().compute_metrics(sum(dealt, [])) == expected
