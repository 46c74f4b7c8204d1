# Copyright (c) DKSAN-MM contributors.
# A long training of the small network on open clips and photographs. All
# values are chosen here.
_base_ = [
    '../_base_/schedules/muon_long.py',
    '../_base_/datasets/open_crop256_x16.py', '../_base_/models/dksan-s.py'
]

experiment_name = 'dksan-s_open_x16'

# Losses of the outputs at x2, x4 and x8: one network for all scales.
model = dict(level_weights=(0.1, 0.2, 0.2))

# Trained at x4 until the learning rate decays, for a fraction of the cost of
# x16.
default_hooks = dict(
    progressive=dict(type='ProgressiveScaleHook', scale=4, until=100_000))
