# Copyright (c) DKSAN-MM contributors.
# The bicubic baseline of the paper's tables. It has no parameters, so a test
# needs no checkpoint: tools/test.py configs/bicubic_vid3oc_x16.py
_base_ = [
    '../_base_/default_runtime.py', '../_base_/schedules/adam_115k.py',
    '../_base_/datasets/vid3oc_x16.py', '../_base_/models/bicubic.py'
]

experiment_name = 'bicubic_vid3oc_x16'
