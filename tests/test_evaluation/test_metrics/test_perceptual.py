# Copyright (c) DKSAN-MM contributors.
import sys
from urllib.error import URLError

import cv2
import numpy as np
import pytest
import torch
from helpers.metric_samples import sample, score
from helpers.stand_ins import install
from mmagic.registry import METRICS
from torch import nn

from dksan_mm.evaluation.metrics import VideoLPIPS, VideoSTLPIPS
from dksan_mm.utils.errors import UserError


class Distance(nn.Module):
    """Stand-in for the package's network; it uses the first pixel."""

    def __init__(self, net, verbose):
        super().__init__()
        assert net == 'alex' and not verbose

    def forward(self, first, second):
        self.seen = first[0, :, 0, 0], second[0, :, 0, 0]
        assert first.shape == second.shape == (1, 3, 8, 10)
        return (first - second).abs().mean().reshape(1, 1, 1, 1)


@pytest.fixture
def package(monkeypatch):
    """Install a package lpips without weights."""
    return install(monkeypatch, 'lpips', LPIPS=Distance)


def test_lpips_gets_rgb_from_minus_one_to_one(package):
    truth = np.zeros((8, 10, 3), np.uint8)
    prediction = truth.copy()
    truth[..., 0], prediction[..., 2] = 255, 51.
    metric = METRICS.build(dict(type='VideoLPIPS'))
    metric.prepare(preprocessing(), torch.utils.data.DataLoader([0]))
    value = score(metric, [sample('a/000000', truth, prediction)])
    # Red differs by 2, blue by 0.4, of three channels.
    assert value == dict(LPIPS=pytest.approx(2.4 / 3))
    torch.testing.assert_close(metric.distance.seen[0],
                               torch.tensor([1., -1, -1]))
    torch.testing.assert_close(metric.distance.seen[1],
                               torch.tensor([-1, -1, -0.6]))


def preprocessing():
    """The parts of a model that metrics use."""
    module = nn.Linear(1, 1)
    module.data_preprocessor = nn.Identity()
    return module


def test_lpips_without_the_package_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, 'lpips', None)
    with pytest.raises(UserError, match='needs the package lpips.*pip inst'):
        VideoLPIPS().prepare(preprocessing(), torch.utils.data.DataLoader([0]))


@pytest.mark.parametrize('error', [
    URLError('no route to host'),
    RuntimeError('invalid magic number'),
    EOFError('cut short')
])
def test_lpips_without_its_weights_says_so(package, monkeypatch, error):

    def fail(*args, **kwargs):
        raise error

    package.LPIPS = fail
    with pytest.raises(UserError, match="no weights.*'alex'.*checkpoints"):
        VideoLPIPS().score(*np.zeros((2, 8, 10, 3), np.uint8))


def test_lpips_has_three_networks():
    with pytest.raises(ValueError, match="got 'resnet'"):
        VideoLPIPS(net='resnet')
    with pytest.raises(ValueError, match="got 'squeeze'"):
        VideoSTLPIPS(net='squeeze')


@pytest.fixture
def shift_tolerant(monkeypatch):
    """Install a package stlpips_pytorch that imports a debugger."""

    class Mean(nn.Module):

        def __init__(self, net, variant, verbose):
            super().__init__()
            assert (net, variant, verbose) == ('alex', 'shift_tolerant', False)

        def forward(self, first, second):
            return (first - second).abs().mean().reshape(1, 1, 1, 1)

    return install(monkeypatch, 'stlpips_pytorch.stlpips', LPIPS=Mean)


def test_the_shift_tolerant_distance_is_registered(shift_tolerant):
    before = set(sys.modules)
    truth = np.zeros((8, 10, 3), np.uint8)
    metric = METRICS.build(dict(type='VideoSTLPIPS'))
    value = score(metric, [sample('a/000000', truth, truth + 51)])
    assert value == dict(STLPIPS=pytest.approx(0.4))
    assert {'IPython', 'torchsummary'} & (set(sys.modules) - before) == set()


def test_the_shift_tolerant_distance_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, 'stlpips_pytorch', None)
    with pytest.raises(UserError, match='--no-deps stlpips_pytorch'):
        VideoSTLPIPS().score(*np.zeros((2, 8, 10, 3), np.uint8))


def test_the_shift_tolerant_distance_of_its_authors():
    """With the package, a shift of a pixel matters less than a blur."""
    pytest.importorskip('stlpips_pytorch')
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (96, 97, 3)).astype(np.uint8)
    metric = VideoSTLPIPS()
    same, shifted = image[:, 1:], image[:, :-1]
    assert metric.score(same, same) == 0
    blurred = cv2.blur(same, (5, 5))
    assert 0 < metric.score(same, shifted) < metric.score(same, blurred)
