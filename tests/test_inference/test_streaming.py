# Copyright (c) DKSAN-MM contributors.
"""A stream of frames gives the result of the model for each window."""
import copy
import itertools
import weakref

import numpy as np
import pytest
import torch
from mmagic.structures import DataSample
from mmengine.registry import init_default_scope
from torch import nn

from dksan_mm.datasets.transforms.windows import window_indices
from dksan_mm.inference.streaming import output_size, restore_frames
from dksan_mm.models import BicubicNet, DKSANNet, WindowVSR
from dksan_mm.utils.resize import lanczos_resize
from dksan_mm.utils.rounding import round_to_uint8

PIXELS = dict(type='CharbonnierLoss')
SMALL = dict(
    channels=8,
    num_blocks=(1, 1, 1, 1),
    reduction=2,
    deform_groups=2,
    mean=0.3)


def make_model(generator, grey=(0., ) * 3, **settings) -> WindowVSR:
    init_default_scope('mmagic')
    torch.manual_seed(3)
    model = WindowVSR(
        dict(type=generator, **settings),
        PIXELS,
        data_preprocessor=dict(
            type='DataPreprocessor', mean=grey, std=[255.] * 3))
    for name, parameter in model.named_parameters():
        small = 'offset' in name or parameter.ndim == 1
        nn.init.normal_(parameter, std=.02 if small else .1)
    return model.eval()


@pytest.fixture(scope='module')
def model() -> WindowVSR:
    return make_model(DKSANNet, **SMALL)


def clip(length: int, size=(7, 9)) -> list:
    generator = np.random.default_rng(length)
    return list(generator.integers(0, 256, (length, *size, 3), np.uint8))


def restore(*args, **kwargs) -> list:
    return list(restore_frames(*args, **kwargs))


def per_window(model: WindowVSR, frames: list) -> list:
    """Return the rounded result of each window, as in the test loop."""
    results = []
    for centre in range(len(frames)):
        indices = window_indices(centre, 7, length=len(frames))
        window = np.stack([frames[i] for i in indices]).transpose(0, 3, 1, 2)
        inputs = torch.from_numpy(window.copy())
        sample = DataSample(
            metainfo=dict(img_channel_order='RGB', gt_channel_order='RGB'))
        with torch.no_grad():
            [out
             ] = model.test_step(dict(inputs=[inputs], data_samples=[sample]))
        # The preprocessor hands out BGR.
        image = out.output.pred_img.numpy()[::-1].transpose(1, 2, 0)
        results.append(round_to_uint8(image))
    return results


@pytest.mark.parametrize('length', [1, 2, 3, 4, 6, 7, 8, 11])
def test_frames_are_those_of_the_test_loop(model, length):
    frames = clip(length)
    out, expected = restore(model, iter(frames)), per_window(model, frames)
    assert len(out) == length
    for actual, wanted in zip(out, expected):
        assert actual.shape == (112, 144, 3) and actual.dtype == np.uint8
        assert np.array_equal(actual, wanted)
    assert np.std(out) > 5


@pytest.mark.parametrize('generator', [DKSANNet, BicubicNet])
def test_the_config_s_normalisation_is_used(generator):
    settings = SMALL if generator is DKSANNet else {}
    model = make_model(generator, grey=(115., 120., 40.), **settings)
    frames = clip(3)
    for actual, wanted in zip(
            restore(model, frames), per_window(model, frames)):
        assert np.array_equal(actual, wanted)


@pytest.mark.parametrize('size', [(1, 1), (1, 6), (13, 2)], ids=str)
def test_any_size(model, size):
    frames = clip(2, size)
    for actual, wanted in zip(
            restore(model, frames), per_window(model, frames)):
        assert np.array_equal(actual, wanted)


@pytest.mark.parametrize('settings', [{}, {
    'scale': 2
}, {
    'size': (30, None)
}, {
    'size': (20, 15)
}])
def test_the_size_is_known_before(settings):
    model = make_model(BicubicNet)
    frame = clip(1)[0]
    [image] = restore_frames(model, [frame], **settings)
    assert output_size(model, frame.shape[:2], **settings) == image.shape[:2]


def test_output_sizes_that_are_refused():
    model = make_model(BicubicNet)
    for settings, match in (({
            'scale': 3
    }, 'got scale=3'), ({
            'size': (1000, None)
    }, 'at most 144x112'), ({
            'size': (9, None)
    }, 'not larger')):
        with pytest.raises(ValueError, match=match):
            output_size(model, (7, 9), **settings)


def test_a_network_without_parts():
    model = make_model(BicubicNet)
    frames = clip(9)
    for actual, wanted in zip(
            restore(model, frames), per_window(model, frames)):
        assert np.array_equal(actual, wanted)


def test_a_frame_comes_out_once_its_window_is_in(model):
    seen = []

    def source():
        for index, frame in enumerate(clip(10)):
            seen.append(index)
            yield frame

    stream = restore_frames(model, source())
    assert seen == []
    next(stream)
    assert seen == [0, 1, 2, 3]
    next(stream)
    assert seen == [0, 1, 2, 3, 4]


def test_frames_are_forgotten(model):
    alive = weakref.WeakSet()

    class Frame(np.ndarray):
        __hash__ = object.__hash__

    def source():
        for frame in clip(30):
            frame = frame.view(Frame)
            alive.add(frame)
            yield frame

    most = max(len(alive) for _ in restore_frames(model, source()))
    assert 1 <= most <= 8


def test_features_are_made_once_a_frame(model, monkeypatch):
    calls = []
    extract = DKSANNet.extract
    monkeypatch.setattr(DKSANNet, 'extract',
                        lambda net, x: calls.append(1) or extract(net, x))
    restore(model, clip(5))
    assert len(calls) == 5


def test_scenes_are_restored_apart(model):
    first, second = clip(5), clip(9)

    def is_cut(previous, current):
        assert previous.shape == current.shape
        return current is second[0]

    out = restore(model, first + second, is_cut=is_cut)
    expected = restore(model, first) + restore(model, second)
    assert len(out) == 14
    assert all(np.array_equal(a, b) for a, b in zip(out, expected))
    whole = restore(model, first + second)
    assert not np.array_equal(whole[4], out[4])


def test_a_cut_at_every_frame(model):
    frames = clip(3)
    out = restore(model, frames, is_cut=lambda a, b: True)
    for actual, frame in zip(out, frames):
        assert np.array_equal(actual, restore(model, [frame])[0])


def test_the_ensemble_is_the_mean_over_flips_and_rotations(model):
    frames = clip(3, (4, 6))
    out = restore(model, frames, ensemble=True)
    total = np.zeros((64, 96, 3))
    for turns, flip in itertools.product(range(4), (False, True)):
        turned = [np.rot90(f[::-1] if flip else f, turns) for f in frames]
        with torch.no_grad():
            window = np.stack([turned[i] for i in (0, 0, 0, 1, 2, 2, 2)])
            x = torch.from_numpy(
                window.transpose(0, 3, 1, 2) / np.float32(255))
            image = model.generator(x[None])[0].permute(1, 2, 0).numpy()
        image = np.rot90(image, -turns)
        total += image[::-1] if flip else image
    difference = out[1].astype(int) - round_to_uint8(255 * total / 8)
    assert abs(difference).max() <= 1  # sums in another order
    assert (difference != 0).mean() < 1e-3


@pytest.mark.parametrize('tile', [None, 3])
@pytest.mark.parametrize('mean_scale, scale', [(2, 16), (4, 16), (4, 8),
                                               (8, 4)])
def test_an_ensemble_may_end_at_a_level(model, mean_scale, scale, tile):
    """Later levels upscale the mean of that level's frames, once."""
    frames = clip(3, (5, 7))
    out = restore(model, frames, scale=scale, ensemble=mean_scale, tile=tile)
    network, low = model.generator, min(mean_scale, scale)
    window = np.stack([frames[i] for i in (0, 0, 0, 1, 2, 2, 2)])
    x = torch.from_numpy(window.transpose(0, 3, 1, 2) / np.float32(255))[None]
    mean = torch.zeros(())
    with torch.no_grad():
        for turns, flip in itertools.product(range(4), (False, True)):
            turned = torch.rot90(x.flip(-1) if flip else x, turns, (-2, -1))
            image = torch.rot90(network(turned, low), -turns, (-2, -1))
            mean = mean + (image.flip(-1) if flip else image) / 8
        for level in network.levels[low.bit_length() - 1:scale.bit_length() -
                                    1]:
            mean = level(mean)
    expected = round_to_uint8(255 * mean[0].permute(1, 2, 0).numpy())
    difference = out[1].astype(int) - expected
    assert out[1].shape == (5 * scale, 7 * scale, 3)
    assert abs(difference).max() <= 1  # sums in another order
    assert (difference != 0).mean() < 1e-2


def test_an_ensemble_at_a_scale_without_a_level_is_refused(model):
    with pytest.raises(ValueError, match='8, 16 .*, got 3$'):
        restore(model, clip(1), ensemble=3)


@pytest.mark.parametrize('ensemble', [False, True])
@pytest.mark.parametrize('scale', [2, 4, 8, 16])
def test_smaller_scales_are_those_of_the_levels(model, scale, ensemble):
    frames = clip(2, (4, 6))
    out = restore(model, frames, scale=scale, ensemble=ensemble)
    assert [image.shape for image in out] == [(4 * scale, 6 * scale, 3)] * 2
    if not ensemble:
        window = np.stack([frames[i] for i in (0, 0, 0, 0, 1, 1, 1)])
        x = torch.from_numpy(window.transpose(0, 3, 1, 2) / np.float32(255))
        with torch.no_grad():
            image = model.generator(x[None], scale=scale)[0]
        expected = round_to_uint8(255 * image.permute(1, 2, 0).numpy())
        difference = out[0].astype(int) - expected
        assert abs(difference).max() <= 1  # sums in another order
        assert (difference != 0).mean() < 1e-2
        # Tiles that the whole frame fits in with their halo.
        tiled = restore(model, frames, scale=scale, tile=4)[0]
        assert abs(tiled.astype(int) - expected).max() <= 1


def test_the_config_chooses_scale_and_ensemble(model):
    """As in evaluation; arguments come first."""
    frames = clip(2, (4, 6))
    chosen = copy.copy(model)
    chosen.test_scale, chosen.test_ensemble = 4, True
    out = restore(chosen, frames)
    for image, other in zip(
            out, restore(model, frames, scale=4, ensemble=True), strict=True):
        assert np.array_equal(image, other)
    assert output_size(chosen, (4, 6)) == out[0].shape[:2] == (16, 24)
    [plain] = restore(chosen, frames[:1], scale=2, ensemble=False)
    [expected] = restore(model, frames[:1], scale=2)
    assert np.array_equal(plain, expected)
    assert output_size(chosen, (4, 6), scale=2) == plain.shape[:2]


@pytest.mark.parametrize('scale', [0, 1, 3, 32])
def test_scales_without_a_level_are_refused(model, scale):
    with pytest.raises(
            ValueError, match=f'DKSANNet .* 2, 4, 8, 16, got scale={scale}'):
        restore(model, clip(1), scale=scale)
    with pytest.raises(ValueError, match='BicubicNet .* 16, got scale=3'):
        restore(make_model(BicubicNet), clip(1), scale=3)


@pytest.mark.parametrize('size, scale, shape', [
    ((24, 16), 4, (16, 24)),
    ((21, None), 4, (14, 21)),
    ((None, 7), 2, (7, 10)),
])
def test_a_size_is_reached_by_the_smallest_sufficient_scale(
        model, size, scale, shape):
    frames = clip(3, (4, 6))
    out = restore(model, frames, size=size)
    large = restore(model, frames, scale=scale)
    for image, before in zip(out, large, strict=True):
        assert np.array_equal(image, lanczos_resize(before, *shape))


def test_sizes_that_are_refused(model):
    with pytest.raises(ValueError, match='at most 96x64, not 99x66'):
        restore(model, clip(1, (4, 6)), size=(99, 66))
    with pytest.raises(ValueError, match='scale=2 and size='):
        restore(model, clip(1), scale=2, size=(12, 8))
    assert restore(model, [], size=(12, 8)) == []


def test_half_precision_is_close(model):
    frames = clip(2)
    exact = np.array(restore(model, frames), float)
    try:
        model.inference_dtype = torch.bfloat16
        out = np.array(restore(model, frames), float)
    finally:
        del model.inference_dtype
    assert 0 < abs(out - exact).mean() < 2


def test_no_frame_gives_no_frame(model):
    assert restore(model, []) == []


@pytest.mark.parametrize('frame, error, said', [
    (np.zeros((4, 4, 3)), TypeError, 'frame 1.*float64'),
    ('a.png', TypeError, 'frame 1.*str'),
    (np.zeros((4, 5, 3), np.uint8), ValueError, r'frame 1.*\(4, 5, 3\)'),
    (np.zeros((7, 9), np.uint8), ValueError, r'frame 1.*\(7, 9\)'),
])
def test_wrong_frames(model, frame, error, said):
    with pytest.raises(error, match=said):
        restore(model, clip(1) + [frame])


@pytest.mark.parametrize('shape', [(7, 9), (7, 9, 1), (0, 9, 3), (2, 7, 9, 3)])
def test_wrong_first_frame(model, shape):
    with pytest.raises(ValueError, match='frame 0'):
        restore(model, [np.zeros(shape, np.uint8)])
