# Copyright (c) DKSAN-MM contributors.
import copy

import pytest
import torch
from torch import nn

from dksan_mm.engine.optimizers.conv_muon import ConvMuon, orthogonalize


@pytest.mark.parametrize('shape', [(6, 20), (20, 6), (8, 8), (1, 5)])
def test_singular_values_become_about_one(shape):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.double, generator=generator)
    out = orthogonalize(matrix)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    new_values = torch.diagonal(left.T @ out @ right.T)
    assert 0.65 < new_values.min() and new_values.max() < 1.25
    # The directions stay: nothing beside the diagonal.
    torch.testing.assert_close(left @ torch.diag(new_values) @ right, out)


def test_many_matrices_become_what_each_becomes():
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, 6, 20, dtype=torch.double, generator=generator)
    matrices *= torch.tensor([1, 1e-3, 50]).view(-1, 1, 1)
    expected = torch.stack([orthogonalize(matrix) for matrix in matrices])
    torch.testing.assert_close(orthogonalize(matrices), expected)
    torch.testing.assert_close(orthogonalize(matrices.mT), expected.mT)


def test_zeros_stay_zeros():
    zeros = torch.zeros(3, 4)
    assert torch.equal(orthogonalize(zeros), zeros)


@pytest.mark.parametrize('size', [1e-8, 1e-15, 1e-22, 1e-25, 1e-38, 1e-44])
def test_matrices_that_fade_give_steps_that_fade(size):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(24, 216, generator=generator)
    faint = matrix / matrix.norm() * size
    out = orthogonalize(faint)
    # 3.4445 a step at the most, where all singular values are small.
    assert out.isfinite().all()
    assert out.double().norm() <= 3.4445**5 * size / 1e-7 * 1.01


@pytest.mark.slow
def test_a_layer_whose_gradients_end_keeps_its_weights():
    conv = nn.Conv2d(24, 24, 3)
    optimizer = ConvMuon(conv.parameters(), lr=2e-3)
    conv(torch.rand(1, 24, 8, 8)).square().mean().backward()
    for iteration in range(2000):  # the momentum fades to 1e-45
        optimizer.step()
        for parameter in conv.parameters():
            parameter.grad.zero_()
        if iteration == 1000:
            before = conv.weight.detach().clone()
    assert torch.equal(conv.weight, before)


def twin(weights, gradients, momentum, lr, steps=5):
    """Muon by singular value decompositions, float64, from its definition."""
    average = torch.zeros_like(weights)
    for gradient in gradients:
        average = momentum * average + (1 - momentum) * gradient
        step = (1 - momentum) * gradient + momentum * average
        left, values, right = torch.linalg.svd(
            step.reshape(len(step), -1), full_matrices=False)
        values = values / values.norm()
        for _ in range(steps):
            values = 3.4445 * values - 4.7750 * values**3 + \
                2.0315 * values**5
        size = 0.2 * max(len(step), step[0].numel())**0.5
        step = (left * values) @ right * size
        weights = weights - lr * step.reshape(weights.shape)
    return weights


def test_convolutions_take_the_steps_of_the_definition():
    conv = nn.Conv2d(3, 6, 3, bias=False, dtype=torch.double)
    gradients = torch.randn(4, *conv.weight.shape, dtype=torch.double)
    expected = twin(conv.weight.detach(), gradients, 0.9, lr=0.01)
    optimizer = ConvMuon(conv.parameters(), lr=0.01, momentum=0.9)
    for gradient in gradients:
        conv.weight.grad = gradient
        optimizer.step()
    torch.testing.assert_close(conv.weight.detach(), expected)


def test_convolutions_of_one_shape_take_steps_of_their_own():
    shapes = [(6, 3, 3, 3), (6, 3, 3, 3), (7, 3, 3, 3), (6, 3, 3, 3)]
    weights = [
        torch.randn(shape, dtype=torch.double, requires_grad=True)
        for shape in shapes
    ]
    with torch.no_grad():
        weights[1].data = weights[1].to(memory_format=torch.channels_last)
    gradients = [[torch.randn_like(weight) for _ in range(3)]
                 for weight in weights]
    gradients[3][0] = None  # its momentum begins a step later
    expected = [
        twin(weight.detach(), [g for g in own if g is not None], 0.9, lr=0.01)
        for weight, own in zip(weights, gradients)
    ]
    optimizer = ConvMuon(weights, lr=0.01, momentum=0.9)
    for step in range(3):
        for weight, own in zip(weights, gradients):
            weight.grad = own[step]
        optimizer.step()
    for weight, wanted in zip(weights, expected):
        torch.testing.assert_close(weight.detach(), wanted)


def test_adam_counts_each_parameter_s_own_steps():
    weights = [torch.randn(n, requires_grad=True) for n in (3, 1, 5)]
    weights[1].data = torch.randn(4, 1, 3,
                                  3).to(memory_format=torch.channels_last)
    others = copy.deepcopy(weights)
    ours = ConvMuon(weights, lr=0.2, adam_ratio=0.5)
    adam = torch.optim.Adam(others, 0.1, (0.9, 0.99), eps=1e-10)
    for step in range(4):
        for i, (weight, other) in enumerate(zip(weights, others)):
            weight.grad = torch.randn_like(weight) if step >= i else None
            other.grad = copy.deepcopy(weight.grad)
        ours.step()
        adam.step()
        # As after a resume.
        ours.load_state_dict(copy.deepcopy(ours.state_dict()))
    for weight, other in zip(weights, others):
        torch.testing.assert_close(weight, other)


@pytest.mark.parametrize('shape', [(6, ), (6, 1, 3, 3), (3, 6, 3, 3), (5, 5)])
def test_all_else_takes_adam_s_steps(shape):
    weight = torch.randn(shape, dtype=torch.double, requires_grad=True)
    other = copy.deepcopy(weight)
    ours = ConvMuon([weight], lr=0.2, adam_ratio=0.5)
    adam = torch.optim.Adam([other], 0.1, (0.9, 0.99), eps=1e-10)
    for _ in range(3):
        weight.grad = torch.randn_like(weight)
        other.grad = weight.grad.clone()
        ours.step()
        adam.step()
    torch.testing.assert_close(weight, other)


def test_a_group_can_take_adam_s_steps_alone():
    weight = torch.randn(6, 3, 3, 3, dtype=torch.double, requires_grad=True)
    other = copy.deepcopy(weight)
    ours = ConvMuon([dict(params=[weight], orthogonal=False)],
                    lr=0.1,
                    adam_ratio=1.)
    adam = torch.optim.Adam([other], 0.1, (0.9, 0.99), eps=1e-10)
    weight.grad = torch.randn_like(weight)
    other.grad = weight.grad.clone()
    ours.step()
    adam.step()
    torch.testing.assert_close(weight, other)


def test_groups_have_rates_of_their_own_and_idle_weights_stay():
    weights = [torch.ones(6, 3, 3, 3, requires_grad=True) for _ in range(3)]
    groups = [dict(params=weights[:1], lr=0.), dict(params=weights[1:])]
    optimizer = ConvMuon(groups, lr=0.1)
    for weight in weights[:2]:
        weight.grad = torch.randn_like(weight)
    optimizer.step()
    assert torch.equal(weights[0], torch.ones_like(weights[0]))
    assert not torch.equal(weights[1], torch.ones_like(weights[1]))
    assert torch.equal(weights[2], torch.ones_like(weights[2]))


def test_it_goes_on_from_its_state():
    first = nn.Conv2d(3, 6, 3)
    ours = ConvMuon(first.parameters())

    def step(optimizer, net, seed):
        generator = torch.Generator().manual_seed(seed)
        for weight in net.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()

    step(ours, first, 0)
    second = copy.deepcopy(first)
    resumed = ConvMuon(second.parameters())
    resumed.load_state_dict(copy.deepcopy(ours.state_dict()))
    step(ours, first, 1)
    step(resumed, second, 1)
    assert all(map(torch.equal, first.parameters(), second.parameters()))


@pytest.mark.parametrize('setting', [
    dict(lr=-1.),
    dict(momentum=1.),
    dict(betas=(0.9, 1.)),
    dict(betas=(-0.1, 0.9))
])
def test_wrong_settings_are_refused(setting):
    with pytest.raises(ValueError, match='must be'):
        ConvMuon([torch.ones(1)], **setting)
