# Copyright (c) DKSAN-MM contributors.
# EDVR at the cost of dksan-s, and trained just as it is. Widths and blocks
# are chosen here, to match its parameters and multiply-adds at once:
#                 parameters   multiply-adds per LR pixel (a 64x64 window)
#   edvr-s        880,987      10,724,202
#   dksan-s       878,540      10,953,314
# as counted by tools/analyze.py --size 64x64.
_base_ = ['dksan-s_vid3oc_x16.py']

experiment_name = 'edvr-s_vid3oc_x16'
model = dict(
    generator=dict(
        _delete_=True,
        type='EDVRX16Net',
        channels=24,
        num_blocks=25,
        num_frames=7,
        num_extract_blocks=5,
        deform_groups=8,
        tail_channels=40))  # most multiply-adds are here
