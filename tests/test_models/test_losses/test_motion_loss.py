# Copyright (c) DKSAN-MM contributors.
import math

import pytest
import torch
from mmagic.structures import DataSample
from torch import nn

from dksan_mm.models import DKSANNet, EDVRX16Net, WindowVSR
from dksan_mm.models.losses.motion_loss import motion_loss, watch_offsets

SMALL = {
    DKSANNet:
    dict(channels=8, num_blocks=(1, 1, 1, 1), reduction=2, deform_groups=2),
    EDVRX16Net:
    dict(channels=8, num_blocks=1, num_extract_blocks=1, deform_groups=2)
}
SIZE = 8


def by_definition(outputs, motion) -> float:
    """Compute the loss in plain Python."""
    total, (n, t, _, h, w) = 0., motion.shape
    taps = outputs.shape[1] // 3
    values, wanted = outputs.tolist(), motion.tolist()
    for i in range(n * t):
        for axis in range(2):
            for y in range(h):
                for x in range(w):
                    known = wanted[i // t][i % t][axis][y][x]
                    if not math.isnan(known):
                        mean = sum(values[i][2 * tap + axis][y][x]
                                   for tap in range(taps)) / taps
                        total += abs(mean - known)
    return total / (n * t * 2 * h * w)


def known_motion(n=2, t=3, h=2, w=4) -> torch.Tensor:
    motion = torch.randn(n, t, 2, h, w, dtype=torch.float64)
    motion[1] = math.nan
    return motion


def test_loss_is_that_of_the_definition():
    torch.manual_seed(0)
    outputs, motion = torch.randn(6, 54, 2, 4).double(), known_motion()
    expected = by_definition(outputs, motion)
    assert motion_loss(outputs, motion).item() == pytest.approx(expected, 1e-6)


def test_gradients_are_finite_also_where_nothing_is_known():
    torch.manual_seed(0)
    outputs = torch.randn(6, 27, 2, 4, dtype=torch.float64, requires_grad=True)
    motion_loss(outputs, known_motion()).backward()
    assert outputs.grad[:3, :18].abs().min() > 0
    assert not outputs.grad[3:].any() and not outputs.grad[:, 18:].any()


@pytest.mark.parametrize(
    'outputs, motion', [
        ((6, 27, 2, 4), (2, 4, 2, 2, 4)),
        ((6, 27, 2, 5), (2, 3, 2, 2, 4)),
        ((6, 28, 2, 4), (2, 3, 2, 2, 4)),
        ((6, 27, 2, 4), (2, 3, 1, 2, 4)),
    ],
    ids=str)
def test_other_shapes_are_rejected(outputs, motion):
    with pytest.raises(ValueError, match='do not fit'):
        motion_loss(torch.zeros(outputs), torch.zeros(motion))


def test_a_watched_layer_is_left_as_it_was():
    layer = nn.Conv2d(1, 1, 1)
    with pytest.raises(KeyError), watch_offsets(layer) as seen:
        layer(torch.zeros(1, 1, 2, 2))
        raise KeyError
    layer(torch.zeros(1, 1, 2, 2))
    assert len(seen) == 1


def make_model(network, weight=0.5, **settings) -> WindowVSR:
    torch.manual_seed(0)
    return WindowVSR(
        dict(type=network, **SMALL[network], **settings),
        dict(type='CharbonnierLoss', eps=1e-6),
        motion_weight=weight)


def batch(motion=True) -> tuple:
    torch.manual_seed(1)
    sample = DataSample(gt_img=torch.rand(2, 3, 16 * SIZE, 16 * SIZE))
    if motion:
        sample.set_field(torch.randn(2, 7, 2, SIZE, SIZE), 'motion')
    return torch.rand(2, 7, 3, SIZE, SIZE), sample


@pytest.mark.slow
@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize('network', SMALL)
def test_alignment_learns_what_it_is_told(network, with_cp):
    """Also when an early level trains, and when maps are computed twice."""
    model = make_model(network, with_cp=with_cp)
    if network is DKSANNet:
        model.train_scale = 4
    inputs, sample = batch()
    sample.motion[:] = torch.tensor([0.7, -0.4]).view(2, 1, 1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    errors = []
    for _ in range(40):
        losses = model.forward_train(inputs, sample)
        assert set(losses) == {'loss_pixel', 'loss_motion'}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        errors.append(losses['loss_motion'].item())
    assert errors[0] == pytest.approx(0.5 * (0.7 + 0.4) / 2, 1e-5)
    assert errors[-1] < 0.4 * errors[0]


@pytest.mark.parametrize('network', SMALL)
def test_checkpointing_leaves_all_gradients_as_they_are(network):
    grads = []
    for with_cp in (False, True):
        model = make_model(network, with_cp=with_cp)
        nn.init.normal_(model.generator.offset_predictor.weight, std=.01)
        sum(model.forward_train(*batch()).values()).backward()
        grads.append([p.grad for p in model.parameters()])
    for plain, checkpointed in zip(*grads):
        assert torch.equal(plain, checkpointed)


@pytest.mark.parametrize('weight, motion', [(0.5, False), (0., True)])
def test_without_weight_or_motion_there_is_one_loss(weight, motion):
    model = make_model(DKSANNet, weight=weight)
    assert set(model.forward_train(*batch(motion))) == {'loss'}


def test_without_alignment_motion_teaches_nothing():
    model = make_model(DKSANNet, align=False)
    assert model.generator.offset_predictor is None
    losses = model.forward_train(*batch())
    plain = make_model(DKSANNet, weight=0., align=False)
    assert set(losses) == {'loss'}
    assert losses['loss'] == plain.forward_train(*batch())['loss']


def test_a_negative_weight_is_rejected():
    with pytest.raises(ValueError, match='motion_weight .* got -1'):
        make_model(DKSANNet, weight=-1)
