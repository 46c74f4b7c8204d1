# Copyright (c) DKSAN-MM contributors.
# EDVR at the cost of dksan-s, with the same training. It has no outputs of
# lower scales, so the whole network is trained from the start.
_base_ = [
    '../_base_/schedules/muon_3500.py',
    '../_base_/datasets/vid3oc_crop256_x16.py', '../_base_/models/edvr-s.py'
]

experiment_name = 'edvr-s_vid3oc_x16'
