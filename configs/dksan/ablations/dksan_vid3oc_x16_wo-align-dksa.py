# Copyright (c) DKSAN-MM contributors.
# Paper, table 3, "w/o align & DKSA" (26.3 M parameters): the backbone with
# channel attention.
_base_ = ['../dksan_vid3oc_x16.py']

experiment_name = 'dksan_vid3oc_x16_wo-align-dksa'
model = dict(generator=dict(align=False, dksa=False))
