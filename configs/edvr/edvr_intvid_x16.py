# Copyright (c) DKSAN-MM contributors.
# The network of edvr_vid3oc_x16.py, tested on IntVID.
_base_ = ['edvr_vid3oc_x16.py', '../_base_/datasets/intvid_x16.py']

experiment_name = 'edvr_intvid_x16'
test_dataloader = dict(dataset=_base_.intvid)
