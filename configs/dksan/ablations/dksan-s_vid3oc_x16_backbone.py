# Copyright (c) DKSAN-MM contributors.
# The ablation "backbone" of the paper's table 3, of the small network.
_base_ = ['../dksan-s_vid3oc_x16.py']

experiment_name = 'dksan-s_vid3oc_x16_backbone'
model = dict(generator=dict(channel_attention=False, align=False, dksa=False))
