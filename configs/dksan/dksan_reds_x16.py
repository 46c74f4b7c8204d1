# Copyright (c) DKSAN-MM contributors.
# The paper's network and schedule on REDS, which everyone can download, tested
# on REDS4.
_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/adam_115k.py',
    '../_base_/datasets/reds_x16.py', '../_base_/models/dksan.py'
]

experiment_name = 'dksan_reds_x16'
