# Copyright (c) DKSAN-MM contributors.
# The network of dksan_vid3oc_x16.py, tested on Vid4.
_base_ = ['dksan_vid3oc_x16.py', '../_base_/datasets/vid4_x16.py']

experiment_name = 'dksan_vid4_x16'
test_dataloader = dict(dataset=_base_.vid4)
