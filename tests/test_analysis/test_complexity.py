# Copyright (c) DKSAN-MM contributors.
import math
import time

import pytest
import torch
from torch import nn

from dksan_mm.analysis.complexity import count_cost, time_parts
from dksan_mm.models import BicubicNet, DKSANNet, WindowVSR
from dksan_mm.models.dksan.dksa import ExpandToOneMap
from dksan_mm.ops import DeformKernelConv2d, ModulatedDeformConv2d

SMALL = dict(channels=8, num_blocks=(2, 1, 1, 1), deform_groups=2, reduction=1)


class TwoFrameNet(nn.Module):
    """Network with one layer of each kind, small enough to count by hand."""

    num_frames, scale, size_divisor = 2, 1, 4

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.levels = nn.ModuleList([
            nn.Sequential(DeformKernelConv2d(4, 4)),  # depthwise, scope 4
            DeformKernelConv2d(4, 6, groups=2, scope=3)
        ])
        self.offsets = nn.Conv2d(6, 27 * 2, 1)
        self.deform = ModulatedDeformConv2d(
            6, 5, 3, padding=1, deform_groups=2)
        self.head = nn.Linear(5, 7, bias=False)
        self.act = nn.ReLU()

    def forward(self, frames):
        x = self.act(self.first(frames.flatten(0, 1)))
        for level in self.levels:
            x = level(x)
        offset, mask = self.offsets(x).split([36, 18], 1)
        return self.head(self.deform(x, offset, mask).permute(0, 2, 3, 1))


def test_a_small_network_counted_by_hand():
    cost = count_cost(TwoFrameNet(), (7, 10))  # padded to 8 x 12
    pixels = 2 * 4 * 6  # two frames, at stride 2
    predictors = 2 * (9 * 4 * 18)  # of the image and of the kernel offsets
    per_pixel = {
        'first': 9 * 3 * 4,
        # Per tap and channel: sample 4, read the kernel 4, multiply 1.
        'levels.0.0': predictors + 9 * 4 * (4 + 4 + 1),
        # The weights: 6 x 2 channels (4 inputs, 2 groups), scope 3 x 3.
        'levels.1': predictors + 9 * 4 * (4 + 4) + 9 * 6 * 2,
        'offsets': 6 * 54,
        'deform': 9 * 6 * 4 + 9 * 6 * 5,
        'head': 5 * 7,
        'rest': 0,
    }
    counted = {
        name: part['multiply_adds']
        for name, part in cost['parts'].items()
    }
    assert counted == {k: v * pixels for k, v in per_pixel.items()}
    assert cost['multiply_adds'] == sum(counted.values())
    assert cost['activations'] == pixels * (4 + 36 + 4 + 36 + 6 + 54 + 5 + 7)
    assert cost['parts']['offsets']['activations'] == 54 * pixels
    assert cost['parts']['deform']['parameters'] == 9 * 6 * 5 + 5


def hooked_multiply_adds(network, frames):
    """Count on a real run, module by module, by the layers' sizes."""
    total = 0

    def count(module, inputs, out):
        nonlocal total
        pixels = out.numel() // out.shape[1]
        if isinstance(module, ExpandToOneMap):  # two convolutions, folded
            channels = inputs[0].shape[1]
            filters = 4 * channels * 9
            total += pixels // 4 * filters + channels * (filters + 4)
        elif isinstance(module, DeformKernelConv2d):
            total += pixels * 9 * module.in_channels * 9
        else:
            total += pixels * module.weight.numel()
        if isinstance(module, ModulatedDeformConv2d):
            total += pixels * 9 * module.in_channels * 4

    kinds = (nn.Conv2d, DeformKernelConv2d, ModulatedDeformConv2d,
             ExpandToOneMap)
    handles = [
        module.register_forward_hook(count)
        for name, module in network.named_modules()
        if isinstance(module, kinds) and not name.endswith(('.expand',
                                                            '.merge'))
    ]
    with torch.no_grad():
        network(frames)
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize('size', [(5, 7), (4, 4)])
def test_dksan_costs_what_its_layers_sum_up_to(size):
    net = DKSANNet(**SMALL)
    expected = hooked_multiply_adds(net, torch.rand(1, 7, 3, *size))
    # Without hooks, eight convolutions of C channels replace DKC Align's first
    # ones, seven of 2C.
    expected -= (7 * 2 - 8) * SMALL['channels']**2 * 9 * math.prod(size)
    cost = count_cost(net, size)
    assert cost['multiply_adds'] == expected
    assert cost['parts']['rest']['multiply_adds'] == 0
    assert cost['parameters'] == sum(p.numel() for p in net.parameters())
    assert list(cost['parts'])[:7] == [
        'features', 'align', 'fusion', 'levels.0.blocks', 'levels.0.attention',
        'levels.0.upscale', 'levels.1.extractor'
    ]


def test_a_model_costs_what_its_network_does_and_stays_as_it_was():
    model = WindowVSR(
        dict(type='DKSANNet', **SMALL), dict(type='CharbonnierLoss'))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert count_cost(model, (5, 7)) == count_cost(model.generator, (5, 7))
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    assert not any(m._forward_hooks or m._forward_pre_hooks
                   for m in model.modules())


def test_matrix_products_outside_of_modules_count():
    cost = count_cost(BicubicNet(scale=2), (5, 7))
    assert cost['parameters'] == 0
    assert list(cost['parts']) == ['rest']
    assert cost['multiply_adds'] == 3 * (10 * 5 * 7 + 10 * 7 * 14)


@pytest.mark.parametrize('size', [(0, 4), (4, -1), (4, )])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match='two positive numbers'):
        count_cost(BicubicNet(), size)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match='Linear does not take windows'):
        count_cost(nn.Linear(2, 2), (4, 4))


def test_the_parts_of_a_part():
    net = DKSANNet(**SMALL)
    whole = count_cost(net, (5, 7))
    cost = count_cost(net, (5, 7), within='align')
    assert list(cost['parts']) == [
        'align.offset_feature', 'align.deform_conv', 'rest'
    ]
    for key in ('parameters', 'multiply_adds', 'activations'):
        assert cost[key] == whole[key]
        inside = whole[key] - cost['parts']['rest'][key]
        assert inside == whole['parts']['align'][key]
    assert list(count_cost(net, (5, 7),
                           within='fusion')['parts']) == ['fusion', 'rest']
    with pytest.raises(ValueError, match="DKSANNet has no part 'alin'"):
        count_cost(net, (5, 7), within='alin')


class SleepyNet(nn.Module):
    """Network whose parts take known times; the second runs twice."""

    num_frames, scale, size_divisor = 7, 16, 1

    def __init__(self):
        super().__init__()
        self.quick, self.slow = Sleep(0.01), Sleep(0.03)

    def forward(self, frames):
        time.sleep(0.02)
        self.slow(frames)
        self.quick(frames)
        self.slow(frames)


class Sleep(nn.Linear):

    def __init__(self, seconds):
        super().__init__(1, 1)
        self.seconds = seconds

    def forward(self, frames):
        assert not torch.is_grad_enabled()
        time.sleep(self.seconds)


def test_times_are_those_of_the_parts():
    timed = time_parts(SleepyNet(), (2, 3), rounds=3)
    parts = timed['parts']
    assert list(parts) == ['slow', 'quick', 'rest']
    assert timed['seconds'] == pytest.approx(sum(parts.values()))
    # Other programs may make them longer.
    for name, least in (('slow', 0.06), ('quick', 0.01), ('rest', 0.02)):
        assert least <= parts[name] < least + 0.05
