# Copyright (c) DKSAN-MM contributors.
# dksan-s_vid3oc_x16.py for a network of about four times the cost, between
# dksan-s and the paper's. All values are chosen here.
_base_ = 'dksan-s_vid3oc_x16.py'

experiment_name = 'dksan-m_vid3oc_x16'
# Hidden channels of the channel attention stay 8.
model = dict(generator=dict(channels=64, reduction=8))
