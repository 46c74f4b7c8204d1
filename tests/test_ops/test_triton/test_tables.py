# Copyright (c) DKSAN-MM contributors.
"""Costs of the kernels and lower bounds of their times."""
import pytest
import torch

from dksan_mm.ops.triton import tables


def test_cost_of_a_depthwise_layer():
    forward, backward = tables.depthwise(128)
    # 128 numbers in, 128 out, 36 offsets.
    assert forward.cost.memory == 4 * (128 + 128 + 36)
    # Nine taps, four neighbours and four cells each.
    assert forward.cost.reads == 9 * 8 * 128 * 4
    # Two mixes of four (4 multiply-adds each) and their product.
    assert forward.cost.flops == 9 * 128 * 2 * 9
    assert backward.cost.level_2 == 9 * 4 * 128 * 4


def test_cost_of_a_dense_layer():
    forward, weight, backward = tables.dense(128, scope=4)
    # 16 cells, three TF32 products for one of float32.
    assert forward.cost.matrix == 2 * 16 * 128 * 128 * 3
    assert {weight.cost.matrix, backward.cost.matrix} == {forward.cost.matrix}
    # Two blocks of 64 outputs sample anew.
    assert forward.cost.reads == 2 * 9 * 4 * 128 * 4
    # 16 pixels share a table of weights.
    assert forward.cost.level_2 == 16 * 128 * 128 * 4 // 16


def test_cost_of_a_modulated_convolution():
    forward, _, backward = tables.dense(
        128, torch.bfloat16, scope=None, sets=8)
    assert forward.cost.memory == 2 * (128 + 128) + 4 * 27 * 8
    assert forward.cost.matrix == 2 * 9 * 128 * 128
    assert backward.cost.level_2 == 9 * 128 * (128 * 4 // 64 + 16)


def test_half_precision_halves_maps_alone():
    forward, _ = tables.depthwise(128, torch.bfloat16)
    assert forward.cost.memory == 2 * (128 + 128) + 4 * 36


def test_least_times():
    device = tables.Device(
        1e12, 2e12, {torch.float32: 4e12}, cores=10, clock=1e9)
    cost = tables.Cost(3000, 1280, 5120, 2000, 8000)
    assert cost.seconds(device) == pytest.approx(
        dict(memory=3e-9, L1=1e-9, L2=1e-9, FP32=1e-9, tensor=2e-9))


def test_a_row_says_what_limits():
    forward, _ = tables.depthwise(64)
    row = tables.roofline([forward]).splitlines()[-1]
    assert row.startswith('| depthwise forward, NHWC, 64 channels, float32 |')
    assert row.count('(L1)') == len(tables.DEVICES)


def test_launches_of_large_maps_have_wide_indices():
    wide = [f.launch for f in tables.rare() if f.launch.constants['WIDE']]
    assert len(wide) == 2
    assert not any(f.launch.constants['WIDE'] for f in tables.common())
