# Copyright (c) DKSAN-MM contributors.
# A small DKSAN. Its training takes half an hour on two CPU cores.
_base_ = [
    '../_base_/schedules/muon_3500.py',
    '../_base_/datasets/vid3oc_crop256_x16.py', '../_base_/models/dksan-s.py'
]

experiment_name = 'dksan-s_vid3oc_x16'

# Trained at x4 first, for a fraction of the cost of x16.
default_hooks = dict(
    progressive=dict(type='ProgressiveScaleHook', scale=4, until=3000))
