# Copyright (c) DKSAN-MM contributors.
# A small sibling of DKSAN, with a training that two CPU cores do in half an
# hour.
_base_ = [
    '../_base_/schedules/muon_3500.py',
    '../_base_/datasets/vid3oc_crop256_x16.py', '../_base_/models/dksan-s.py'
]

experiment_name = 'dksan-s_vid3oc_x16'

# x4 is trained first, at a fraction of the cost of x16.
default_hooks = dict(
    progressive=dict(type='ProgressiveScaleHook', scale=4, until=3000))
