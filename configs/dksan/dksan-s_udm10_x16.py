# Copyright (c) DKSAN-MM contributors.
# The network of dksan-s_vid3oc_x16.py, tested on UDM10.
_base_ = ['dksan-s_vid3oc_x16.py', '../_base_/datasets/udm10_x16.py']

experiment_name = 'dksan-s_udm10_x16'
test_dataloader = dict(dataset=_base_.udm10)
