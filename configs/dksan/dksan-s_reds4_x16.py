# Copyright (c) DKSAN-MM contributors.
# Test on REDS4 of what dksan-s_vid3oc_x16.py trains.
_base_ = ['dksan-s_vid3oc_x16.py', '../_base_/datasets/reds4_x16.py']

experiment_name = 'dksan-s_reds4_x16'
test_dataloader = dict(dataset=_base_.reds4)
