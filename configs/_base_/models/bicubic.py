# Copyright (c) DKSAN-MM contributors.
# Bicubic interpolation with MATLAB's kernel, a baseline of the paper's tables.
_base_ = 'dksan.py'

model = dict(
    evaluator=None,  # call the network directly
    generator=dict(_delete_=True, type='BicubicNet', scale=16, num_frames=7))
