# Copyright (c) DKSAN-MM contributors.
# EDVR-L, the baseline of the paper's tables: "most of EDVR's setting", with
# an x16 tail (paper, sec. 4). 20,994,787 parameters; the paper's 20.6 M is the
# x4 network of 5 frames.
_base_ = 'dksan.py'

model = dict(
    evaluator=None,  # the network is called as it is
    generator=dict(
        _delete_=True,
        type='EDVRX16Net',
        channels=128,  # EDVR-L
        num_blocks=40,  # EDVR-L; paper, sec. 4
        num_frames=7,  # paper, sec. 4; the reference is the fourth, index 3
        num_extract_blocks=5,  # EDVR-L
        deform_groups=8,  # EDVR-L
        tail_channels=64))  # EDVR's, from the second x2 step on
