# Copyright (c) DKSAN-MM contributors.
# Paper, table 3, "w/o DKSA" (27.0 M parameters): with channel attention and
# DKC Align.
_base_ = ['../dksan_vid3oc_x16.py']

experiment_name = 'dksan_vid3oc_x16_wo-dksa'
model = dict(generator=dict(dksa=False))
