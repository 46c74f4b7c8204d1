# Copyright (c) DKSAN-MM contributors.
# The ablation "w/o DKSA" of the paper's table 3, of the small network.
_base_ = ['../dksan-s_vid3oc_x16.py']

experiment_name = 'dksan-s_vid3oc_x16_wo-dksa'
model = dict(generator=dict(dksa=False))
