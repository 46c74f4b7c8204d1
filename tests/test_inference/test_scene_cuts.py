# Copyright (c) DKSAN-MM contributors.
from itertools import pairwise

import cv2
import numpy as np
import pytest
from helpers.data_fixtures import SAMPLE
from helpers.video_files import moving

from dksan_mm.inference import scene_cuts
from dksan_mm.inference.scene_cuts import is_cut
from dksan_mm.prepare.sources import Clip, iter_frames

CLIPS = sorted(SAMPLE.glob('*/*.mp4'))


@pytest.fixture(scope='module')
def clips():
    """Return the first 24 frames of each sample clip at 1/16, RGB."""
    found = {}
    for path in CLIPS:
        found[path.stem] = frames = []
        for number, load in iter_frames(Clip(path.stem, 'val', str(path))):
            if number == 24:
                break
            image = load()[..., ::-1]
            frames.append(
                cv2.resize(image, (80, 45), interpolation=cv2.INTER_AREA))
    return found


def test_no_false_alarm_on_real_clips(clips):
    assert len(clips) == 8
    for name, frames in clips.items():
        assert not any(is_cut(*pair) for pair in pairwise(frames)), name


def test_each_joint_of_two_real_clips_is_found(clips):
    for first, frames in clips.items():
        for second, others in clips.items():
            if first != second:
                assert is_cut(frames[-1], others[0]), (first, second)


@pytest.mark.parametrize(
    'change', [
        lambda x: x,
        lambda x: np.clip(x.astype(int) + 60, 0, 255).astype(np.uint8),
        lambda x: (x * 0.5).astype(np.uint8),
        lambda x: np.roll(x, 5, axis=1),
        lambda x: np.clip(x + np.random.default_rng(0).normal(0, 8, x.shape),
                          0, 255).astype(np.uint8),
    ],
    ids=['still', 'flash', 'darkened', 'moved', 'noise'])
def test_what_is_no_cut(clips, change):
    for frames in clips.values():
        assert not is_cut(frames[0], change(frames[0]))


@pytest.mark.parametrize('level, found', [(5, False), (250, True)])
def test_flat_frames(level, found):
    black = np.zeros((12, 20, 3), np.uint8)
    assert is_cut(black, np.full_like(black, level)) is found
    assert is_cut(black, moving(1)[0])


def test_a_frame_of_one_pixel():
    black = np.zeros((1, 1, 3), np.uint8)
    assert not is_cut(black, black)


@pytest.mark.parametrize('size', [(45, 80), (18, 32), (100, 33), (12, 20),
                                  (60, 7), (1, 1)])
def test_images_are_measured_as_by_opencv(size):
    """The thresholds were measured with OpenCV."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    grey = scene_cuts._grey(image)
    np.testing.assert_array_equal(grey, cv2.cvtColor(image,
                                                     cv2.COLOR_RGB2GRAY))
    np.testing.assert_allclose(
        scene_cuts._shrink(grey),
        cv2.resize(grey, scene_cuts.LAYOUT, interpolation=cv2.INTER_AREA),
        atol=1e-3)
    counts = cv2.calcHist([image], [0, 1, 2], None, [8] * 3, [0, 256] * 3)
    np.testing.assert_allclose(
        scene_cuts._histogram(image),
        counts.ravel() / grey.size)
