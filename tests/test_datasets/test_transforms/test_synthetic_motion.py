# Copyright (c) DKSAN-MM contributors.
"""Rendered windows against the definition, on an image given by a formula."""
import numpy as np
import pytest
import torch

from dksan_mm.datasets import SyntheticMotion
from dksan_mm.datasets.transforms.synthetic_motion import _Motion, _Stage
from dksan_mm.utils.resize import matlab_resize

PATCH, SIZE = 80, 176  # 5x5 LR pixels, with 3 on each side
MIDDLE = (SIZE - 1) / 2


def formula(row, col):
    """Compute smooth grey levels at any position; float64, (..., 3)."""
    waves = [
        np.sin(row / 17 + 1) * np.cos(col / 23),
        np.cos(row / 29) * np.sin(col / 13 + 2),
        np.sin((row + col) / 19)
    ]
    return 127.5 + 120 * np.stack(waves, -1)


def image() -> np.ndarray:
    grid = np.mgrid[:SIZE, :SIZE].astype(float)
    return np.round(formula(*grid)).astype(np.uint8)


def lr_by_definition(matrix, shift) -> np.ndarray:
    """Downscale the frame that shows ``matrix @ p + shift`` at p."""
    row, col = np.mgrid[:SIZE, :SIZE] - MIDDLE
    seen = np.einsum('ij,jhw->ihw', matrix, np.stack([row, col]))
    seen = seen + np.reshape(shift, (2, 1, 1)) + MIDDLE
    hr = np.round(formula(*seen)).astype(np.uint8)
    return matlab_resize(hr, 1 / 16)[3:-3, 3:-3]


def sample(num_frames=7) -> dict:
    gt = image()
    return dict(gt=gt, img=[matlab_resize(gt, 1 / 16)] * num_frames)


def fixed(velocity, stretch=((0, 0), (0, 0)), jitter=1e-9, **kwargs):
    """Return the transform with a fixed motion instead of random ones."""
    transform = SyntheticMotion(
        PATCH, ratio=1., ellipse=0., jitter=(jitter, jitter), **kwargs)
    motion = _Motion(np.array(velocity, float), np.array(stretch, float))
    transform._draw_motion = lambda: motion
    return transform


@pytest.mark.parametrize('velocity, stretch', [
    ((3, -5), ((0, 0), (0, 0))),
    ((-1.3, 2.6), ((0, 0), (0, 0))),
    ((0, 0), ((0.02, 0.01), (-0.03, 0.015))),
    ((2, 1), ((-0.01, 0.02), (0.01, 0.01))),
])
def test_frames_are_those_of_the_definition(velocity, stretch):
    out = fixed(velocity, stretch)(sample())
    assert len(out['img']) == 7
    for k, frame in zip(range(-3, 4), out['img']):
        matrix = np.eye(2) + k * np.array(stretch)
        shift = np.clip(k * np.array(velocity, float), -16, 16)
        expected = lr_by_definition(matrix, shift)
        assert frame.shape == (5, 5, 3) and frame.dtype == np.uint8
        # HR is rounded twice, and sampled linearly.
        assert np.abs(frame.astype(int) - expected).max() <= 1
        if k:
            still = frame.astype(int) - out['img'][3]
            assert np.abs(still).max() > 5


@pytest.mark.parametrize('velocity, stretch', [
    ((3, -4), ((0, 0), (0, 0))),
    ((1, 0.5), ((0.02, 0.01), (-0.03, 0.015))),
])
def test_motion_leads_to_where_a_thing_has_gone(velocity, stretch):
    out = fixed(velocity, stretch)(sample())
    motion = out['motion'].double().numpy() * 16
    assert motion.shape == (7, 2, 5, 5)
    # The middles of the inner crop's LR pixels, from the frame's middle.
    place = np.mgrid[:5, :5] * 16. - 32
    for k in range(-3, 4):
        matrix = np.eye(2) + k * np.array(stretch)
        there = place + motion[k + 3]
        seen = np.einsum('ij,jhw->ihw', matrix, there)
        seen += k * np.reshape(velocity, (2, 1, 1))
        np.testing.assert_allclose(seen, place, atol=1e-4)
    assert np.abs(motion[0]).max() > 3


def test_the_centre_frame_stays_and_gt_loses_its_margin():
    np.random.seed(0)
    transform = SyntheticMotion(PATCH, ratio=1., ellipse=1.)
    for _ in range(5):
        out = transform(sample())
        whole = sample()
        assert np.array_equal(out['img'][3], whole['img'][3][3:-3, 3:-3])
        assert np.array_equal(out['gt'], whole['gt'][48:-48, 48:-48])
        assert not out['motion'][3].any()
        assert out['motion'].isfinite().all()


def test_recorded_windows_lose_their_margin_and_have_no_known_motion():
    frames = [np.full((11, 11, 3), i, np.uint8) for i in range(7)]
    frames[2][3:-3, 3:-3] = 99
    transform = SyntheticMotion(PATCH, ratio=0.)
    out = transform(dict(gt=image(), img=frames))
    assert [frame.shape for frame in out['img']] == [(5, 5, 3)] * 7
    assert [frame.mean() for frame in out['img']] == [0, 1, 99, 3, 4, 5, 6]
    assert out['motion'].shape == (7, 2, 5, 5) and out['motion'].isnan().all()


def test_a_still_photograph_always_moves():
    for seed in range(3):
        np.random.seed(seed)
        out = SyntheticMotion(PATCH, ratio=0.)(dict(sample(), still=True))
        assert out['motion'].isfinite().all() and out['motion'].any()
        assert any(not np.array_equal(frame, out['img'][3])
                   for frame in out['img'])
        # The crop at random is drawn as for a recorded window.
        np.random.seed(seed)
        recorded = SyntheticMotion(
            PATCH, ratio=0.)(
                dict(sample(), still=False))
        assert recorded['motion'].isnan().all()


@pytest.mark.parametrize('size', [(176, 160), (160, 176), (80, 80)])
def test_a_still_photograph_without_room_is_named(size):
    transform = SyntheticMotion(PATCH, ratio=0.)
    assert transform.least_size == SIZE
    gt = image()[:size[0], :size[1]]
    frames = [matlab_resize(gt, 1 / 16)] * 7
    with pytest.raises(
            ValueError, match=f'p.png: .*{size[1]}x{size[0]} .*at least 176'):
        transform(dict(gt=gt, img=frames, still=True, gt_path='p.png'))
    # What is recorded stays as it is.
    transform(dict(gt=gt, img=frames, still=False))


def test_an_ellipse_moves_before_the_rest_and_has_its_own_motion(monkeypatch):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, :80] = 1  # two of the five columns of LR pixels

    def draw(stage):
        stage.mask = mask

    monkeypatch.setattr(_Stage, 'draw_ellipse', draw)
    transform = fixed((0, 0))
    transform.ellipse = 1.
    still = transform._draw_motion()
    things = iter([still, still._replace(velocity=np.array([0., 10.]))])
    transform._draw_motion = lambda: next(things)
    out = transform(sample())
    # In the last frame it has moved by 16 (the limit) to the left.
    motion = out['motion'][6].numpy()
    np.testing.assert_allclose(motion[1, :, :2], -1, atol=1e-6)
    assert np.abs(motion[1, :, 2:]).max() < 1e-6
    assert np.abs(motion[0]).max() < 1e-6
    gt, shown = image(), np.roll(mask, -16, 1)[..., None] > 0
    hr = np.where(shown, np.roll(gt, -16, 1), gt)
    expected = matlab_resize(hr, 1 / 16)[3:-3, 3:-3].astype(int)
    assert np.abs(out['img'][6] - expected).max() <= 1
    assert np.abs(out['img'][3] - expected).max() > 5


def test_windows_of_the_ratio_are_synthetic_and_sizes_of_motion_vary():
    np.random.seed(1)
    transform = SyntheticMotion(PATCH, ratio=0.25)
    motions = [transform(sample())['motion'] for _ in range(120)]
    known = [motion for motion in motions if not motion.isnan().any()]
    assert 15 <= len(known) <= 45
    sizes = sorted(float(motion.abs().mean()) for motion in known)
    assert sizes[0] < 0.15 and sizes[-1] > 0.4
    assert max(float(motion.abs().max()) for motion in known) < 2


def test_an_ellipse_lies_within_the_frame():
    np.random.seed(2)
    for _ in range(20):
        stage = _Stage(image(), PATCH, 16)
        stage.draw_ellipse()
        assert set(np.unique(stage.mask)) == {0, 1}
        assert 100 < stage.mask[48:-48, 48:-48].sum() < PATCH * PATCH


@pytest.mark.parametrize('size', [80, 112, 160, (112, 176)], ids=str)
def test_a_crop_without_room_is_left_as_it_is_recorded(size):
    height, width = np.broadcast_to(size, 2)
    gt = image()[:height, :width]
    lr = matlab_resize(gt, 1 / 16)
    out = SyntheticMotion(PATCH, ratio=1.)(dict(gt=gt, img=[lr] * 7))
    assert out['motion'].shape == (7, 2, 5, 5) and out['motion'].isnan().all()
    # The middle, and where that lies between LR pixels, what is before it.
    top, left = (height - PATCH) // 32, (width - PATCH) // 32
    assert np.array_equal(out['img'][6], lr[top:top + 5, left:left + 5])
    assert np.array_equal(out['gt'], gt[16 * top:16 * top + 80,
                                        16 * left:16 * left + 80])


def test_a_crop_smaller_than_what_is_left_stays_whole():
    gt = image()[:64, :48]
    lr = matlab_resize(gt, 1 / 16)
    out = SyntheticMotion(PATCH, ratio=1.)(dict(gt=gt, img=[lr] * 3))
    assert np.array_equal(out['gt'], gt)
    assert np.array_equal(out['img'][0], lr)
    assert out['motion'].shape == (3, 2, 4, 3)


@pytest.mark.parametrize('kwargs, match', [
    (dict(gt_patch_size=40), 'multiple of scale 16, got 40'),
    (dict(gt_patch_size=0), 'got 0'),
    (dict(gt_patch_size=80, ratio=1.5), 'in .0, 1., got 1.5'),
    (dict(gt_patch_size=80, ellipse=-1), 'got 0.5 and -1'),
    (dict(gt_patch_size=80, speed=(0., 1.)), 'speed'),
    (dict(gt_patch_size=80, jitter=(2., 1.)), 'jitter'),
])
def test_impossible_settings_are_rejected(kwargs, match):
    with pytest.raises(ValueError, match=match):
        SyntheticMotion(**kwargs)


def test_repr_names_the_settings():
    assert 'gt_patch_size=80' in repr(SyntheticMotion(80))


def test_a_pair_has_the_frame_before_the_centre():
    velocity, stretch = (3, -5), ((0.01, 0), (0, -0.01))
    out = fixed(velocity, stretch, pairs=True)(sample())
    plain = fixed(velocity, stretch)(sample())
    centre, earlier = out['gt']
    assert np.array_equal(centre, plain['gt'])
    assert len(out['img']) == 8 and out['motion'].shape == (8, 2, 5, 5)
    # The later window is that of a sample that is no pair.
    for k in range(7):
        assert np.array_equal(out['img'][k + 1], plain['img'][k])
    torch.testing.assert_close(out['motion'][1:], plain['motion'])
    # One frame earlier: p shows what p - velocity - stretch @ p does.
    row, col = np.mgrid[48:128, 48:128] - MIDDLE
    seen = np.einsum('ij,jhw->ihw',
                     np.eye(2) - np.array(stretch), np.stack([row, col]))
    seen = seen - np.reshape(velocity, (2, 1, 1)) + MIDDLE
    expected = np.round(formula(*seen)).clip(0, 255)
    assert np.abs(earlier.astype(int) - expected).max() <= 2
    assert np.abs(centre.astype(int) - expected).max() > 20


def test_pairs_are_synthetic_and_need_room():
    with pytest.raises(ValueError, match='ratio must be 1, got 0.5'):
        SyntheticMotion(PATCH, pairs=True)
    small = image()[:80, :80]
    with pytest.raises(ValueError, match='80x80 .*at least 176'):
        SyntheticMotion(
            PATCH, ratio=1., pairs=True)(
                dict(gt=small, img=[matlab_resize(small, 1 / 16)] * 7))
