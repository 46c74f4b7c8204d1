# Copyright (c) DKSAN-MM contributors.
# The paper's recipe: DKSAN on Vid3oC, x16 (paper, sec. 4). The base files
# contain the values and their sources.
_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/adam_115k.py',
    '../_base_/datasets/vid3oc_x16.py', '../_base_/models/dksan.py'
]

experiment_name = 'dksan_vid3oc_x16'
