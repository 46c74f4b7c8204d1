# Copyright (c) DKSAN-MM contributors.
# The x4 output of the network of dksan-s_open_x16.py, tested on Vid4.
# Training with model.level_weights covers all scales.
_base_ = ['dksan-s_open_x16.py', '../_base_/datasets/vid4_x4.py']

experiment_name = 'dksan-s_vid4_x4'
model = dict(test_cfg=dict(scale=4))
test_dataloader = dict(dataset=_base_.vid4)
