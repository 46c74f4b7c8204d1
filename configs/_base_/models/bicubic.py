# Copyright (c) DKSAN-MM contributors.
# Bicubic interpolation by MATLAB's kernel, a baseline of the paper's tables.
_base_ = 'dksan.py'

model = dict(
    evaluator=None,  # the network is called as it is
    generator=dict(_delete_=True, type='BicubicNet', scale=16, num_frames=7))
