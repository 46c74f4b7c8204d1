# Copyright (c) DKSAN-MM contributors.
# Test on UDM10 of what dksan_vid3oc_x16.py trains.
_base_ = ['dksan_vid3oc_x16.py', '../_base_/datasets/udm10_x16.py']

experiment_name = 'dksan_udm10_x16'
test_dataloader = dict(dataset=_base_.udm10)
