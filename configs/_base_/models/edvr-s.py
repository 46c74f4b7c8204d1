# Copyright (c) DKSAN-MM contributors.
# EDVR at the cost of dksan-s. Widths and blocks are chosen here, to match its
# parameters and multiply-adds at once:
#                 parameters   multiply-adds per LR pixel (a 64x64 window)
#   edvr-s        873,684      10,304,298
#   dksan-s       878,540      10,200,701
# as counted by tools/analyze.py --size 64x64.
_base_ = 'dksan-s.py'

model = dict(
    evaluator=None,  # the network is called as it is
    generator=dict(
        _delete_=True,
        type='EDVRX16Net',
        channels=24,
        num_blocks=25,
        num_frames=7,
        num_extract_blocks=5,
        deform_groups=8,
        tail_channels=39,  # most multiply-adds are here
        mean=0.45))  # as dksan-s
