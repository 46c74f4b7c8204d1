# Copyright (c) DKSAN-MM contributors.
# Test on SPMCS of the x4 frames of what dksan-s_open_x16.py trains, which
# has learned every factor by model.level_weights.
_base_ = ['dksan-s_open_x16.py', '../_base_/datasets/spmcs_x4.py']

experiment_name = 'dksan-s_spmcs_x4'
model = dict(test_cfg=dict(scale=4))
test_dataloader = dict(dataset=_base_.spmcs)
