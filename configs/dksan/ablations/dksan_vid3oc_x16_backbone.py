# Copyright (c) DKSAN-MM contributors.
# Paper, table 3, "backbone" (26.1 M parameters): no channel attention, no
# alignment, no DKSA.
_base_ = ['../dksan_vid3oc_x16.py']

experiment_name = 'dksan_vid3oc_x16_backbone'
model = dict(generator=dict(channel_attention=False, align=False, dksa=False))
