# Copyright (c) DKSAN-MM contributors.
# The small EDVR with the same training as dksan-s_open_x16.py. It has no
# outputs of lower scales, so the whole network is trained from the start.
_base_ = [
    '../_base_/schedules/muon_long.py',
    '../_base_/datasets/open_crop256_x16.py', '../_base_/models/edvr-s.py'
]

experiment_name = 'edvr-s_open_x16'
