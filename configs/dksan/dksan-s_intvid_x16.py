# Copyright (c) DKSAN-MM contributors.
# The network of dksan-s_vid3oc_x16.py, tested on IntVID.
_base_ = ['dksan-s_vid3oc_x16.py', '../_base_/datasets/intvid_x16.py']

experiment_name = 'dksan-s_intvid_x16'
test_dataloader = dict(dataset=_base_.intvid)
