# Copyright (c) DKSAN-MM contributors.
# dksan-s_open_x16.py with a network of about four times the cost, between
# dksan-s and the network of the paper. All values are chosen here.
_base_ = 'dksan-s_open_x16.py'

experiment_name = 'dksan-m_open_x16'
# reduction=8 keeps 8 hidden channels in the channel attention.
model = dict(generator=dict(channels=64, reduction=8))
