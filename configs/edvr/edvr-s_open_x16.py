# Copyright (c) DKSAN-MM contributors.
# The small EDVR, trained just as dksan-s_open_x16.py, except that it has no
# frames of lower scales: all of it is trained from the start.
_base_ = [
    '../_base_/schedules/muon_long.py',
    '../_base_/datasets/open_crop256_x16.py', '../_base_/models/edvr-s.py'
]

experiment_name = 'edvr-s_open_x16'
