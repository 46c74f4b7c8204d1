# Copyright (c) DKSAN-MM contributors.
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from dksan_mm.engine.hooks import OffsetMonitorHook
from dksan_mm.engine.hooks.offsets import measure, predictors
from dksan_mm.models import DKSANNet, EDVRX16Net
from dksan_mm.ops import DeformKernelConv2d
from dksan_mm.utils.errors import UserError

NETWORKS = {
    'dksan':
    (DKSANNet,
     dict(channels=8, num_blocks=(1, 1), deform_groups=2, reduction=4)),
    'edvr': (EDVRX16Net,
             dict(
                 channels=8,
                 num_blocks=1,
                 num_extract_blocks=1,
                 deform_groups=2,
                 tail_channels=8)),
}
FRAMES = torch.rand(2, 7, 3, 4, 8)


def network(name):
    kind, settings = NETWORKS[name]
    return kind(**settings)


def watch(model, hook, frames=FRAMES, iteration=0, calls=1):
    """Run one training iteration; return the hub with its log."""
    hub = MessageHub(f'watch{iteration}')
    runner = SimpleNamespace(
        model=model, iter=iteration, message_hub=hub, work_dir='nowhere')
    hook.before_train_iter(runner, 0)
    for _ in range(calls):
        model(frames)
    hook.after_train_iter(runner, 0)
    return {
        name.removeprefix('train/offset_'): history.current()
        for name, history in hub.log_scalars.items()
    }


def set_offsets(model, **values):
    """Make all predictors of a kind predict one value."""
    for name, layer, _ in predictors(model):
        layer.bias.data.fill_(values.get(name.rpartition('.')[2], 0.))


@pytest.mark.parametrize('name, kinds', [('dksan', 3), ('edvr', 1)])
def test_a_fresh_network_has_no_offsets(name, kinds):
    logged = watch(network(name), OffsetMonitorHook(interval=1))
    assert len(logged) == 3 * kinds
    assert set(logged.values()) == {0.}


def test_every_predictor_is_listened_to():
    counts = {
        name: len(predictors(network(name)))
        for name in NETWORKS
    }  # 4 + light DKSA + 2 of DKSA, each with two; alignment; EDVR's packs
    assert counts == dict(dksan=2 * (4 + 1 + 2) + 1, edvr=4)


@pytest.mark.parametrize('calls', [1, 2])
def test_statistics_of_known_offsets(calls):
    model = network('dksan')
    set_offsets(model, conv_offset=-3., image_offset=1., kernel_offset=1.)
    logged = watch(model, OffsetMonitorHook(interval=1), calls=calls)
    for kind, size in (('align', 3.), ('image', 1.), ('kernel', 1.)):
        assert logged[f'{kind}_mean'] == logged[f'{kind}_max'] == size
    # By hand: of 4 x 8 pixels' taps, those that reach beyond -1.
    assert logged['align_out'] == pytest.approx(
        twin_share(
            model.offset_predictor.bias.new_full((18, 4, 8), -3.), 4, 8),
        abs=1e-6)
    # Of the taps at 0.5, 1.5 and 2.5 of a scope that ends at 3, the last
    # leaves it: along one axis or both, 5 of 9.
    assert logged['kernel_out'] == pytest.approx(5 / 9)
    assert logged['image_out'] == 0  # one beyond the edge still reads some


def twin_share(offset, height, width):
    """Compute the share of taps outside the frame, sample by sample."""
    inside = left = 0
    for i in range(height):
        for j in range(width):
            for tap in range(9):
                y, x = i + tap // 3 - 1, j + tap % 3 - 1
                if not (0 <= y < height and 0 <= x < width):
                    continue
                inside += 1
                y += float(offset[2 * tap, i, j])
                x += float(offset[2 * tap + 1, i, j])
                left += not (-1 <= y <= height and -1 <= x <= width)
    return left / inside


def test_the_share_that_left_the_frame_is_its_definition():
    layer = DeformKernelConv2d(3, 3)
    offset = 4 * torch.randn(1, 18, 5, 6)
    x = torch.rand(1, 3, 5, 6)
    stats = measure('image_offset', layer, x, offset)
    assert float(stats[0]) == pytest.approx(float(offset.abs().mean()))
    assert float(stats[2]) == pytest.approx(twin_share(offset[0], 5, 6))
    assert float(stats[3]) == 6


def test_taps_of_other_geometries_are_where_they_are():
    layer = DeformKernelConv2d(
        3, 3, kernel_size=(3, 5), stride=2, padding=(1, 2), dilation=1)
    x = torch.rand(1, 3, 8, 9)
    offset = torch.zeros_like(layer.image_offset(x))
    assert offset.shape[1:] == (30, 4, 5)
    assert float(measure('image_offset', layer, x, offset)[2]) == 0
    offset[:, 0::2] = -10  # to above the frame, from every row
    assert float(measure('image_offset', layer, x, offset)[2]) == 1
    layer = DeformKernelConv2d(3, 3, kernel_offsets='global')
    assert watch(layer, OffsetMonitorHook(interval=1), x)['kernel_out'] == 0


def test_only_the_iterations_of_the_interval_are_watched():
    model, hook = network('edvr'), OffsetMonitorHook(interval=3)
    logged = [watch(model, hook, iteration=i) for i in range(6)]
    assert [bool(entry) for entry in logged] == 2 * [False, False, True]
    layer = model.pcd_alignment.cas_dcnpack.conv_offset
    assert not layer._forward_hooks


@pytest.mark.parametrize('kind, value, limit', [
    ('conv_offset', 9., '8'),
    ('conv_offset', float('nan'), '8'),
    ('image_offset', -60., '8'),
    ('kernel_offset', 51., '50'),
])
def test_offsets_that_explode_stop_the_training(kind, value, limit):
    model = network('dksan')
    set_offsets(model, **{kind: value})
    with pytest.raises(UserError) as error:
        watch(model, OffsetMonitorHook(interval=1), iteration=6)
    text = str(error.value)
    assert text.startswith('training stopped at iteration 7: the offsets of ')
    assert f'{kind} are {abs(value):.1f} on average, more than {limit} ' \
        in text
    assert 'no checkpoint has been written yet' in text


@pytest.mark.parametrize('settings', [dict(interval=0), dict(limit=0.)])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match='must be positive'):
        OffsetMonitorHook(**settings)
