# Copyright (c) DKSAN-MM contributors.
# The ablation "w/o align & DKSA" of the paper's table 3, of the small network.
_base_ = ['../dksan-s_vid3oc_x16.py']

experiment_name = 'dksan-s_vid3oc_x16_wo-align-dksa'
model = dict(generator=dict(align=False, dksa=False))
