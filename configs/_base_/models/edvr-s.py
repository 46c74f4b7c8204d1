# Copyright (c) DKSAN-MM contributors.
# EDVR at the cost of dksan-s. The widths and the number of blocks are chosen
# here, to match both its parameters and its multiply-adds:
#                 parameters   multiply-adds per LR pixel (a 64x64 window)
#   edvr-s        873,684      10,304,298
#   dksan-s       878,540      10,200,701
# counted by tools/analyze.py --size 64x64.
_base_ = 'dksan-s.py'

model = dict(
    evaluator=None,  # call the network directly
    generator=dict(
        _delete_=True,
        type='EDVRX16Net',
        channels=24,
        num_blocks=25,
        num_frames=7,
        num_extract_blocks=5,
        deform_groups=8,
        tail_channels=39,  # the tail has most of the multiply-adds
        mean=0.45))  # as in dksan-s
