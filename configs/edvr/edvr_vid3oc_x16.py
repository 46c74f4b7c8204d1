# Copyright (c) DKSAN-MM contributors.
# EDVR-L, the baseline of the paper's tables. Everything except the network is
# the same as for DKSAN. All parts are trained from the first step, without
# EDVR's warm-up of the fusion.
_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/adam_115k.py',
    '../_base_/datasets/vid3oc_x16.py', '../_base_/models/edvr.py'
]

experiment_name = 'edvr_vid3oc_x16'
