# Copyright (c) DKSAN-MM contributors.
# The bicubic baseline of the paper's tables, MATLAB's kernel. Nothing to
# train, hence no checkpoint: tools/test.py configs/bicubic_vid3oc_x16.py
_base_ = [
    '_base_/runtime.py', '_base_/schedule.py', '_base_/vid3oc_x16.py',
    '_base_/dksan.py'
]

experiment_name = 'bicubic_vid3oc_x16'
model = dict(
    evaluator=None,  # the network is called as it is
    generator=dict(_delete_=True, type='BicubicNet', scale=16, num_frames=7))
