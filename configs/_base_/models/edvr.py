# Copyright (c) DKSAN-MM contributors.
# EDVR-L, the baseline of the paper's tables: "most of EDVR's setting", with
# an x16 tail (paper, sec. 4). It has 20,994,787 parameters. The paper's 20.6 M
# is the count of the x4 network with 5 frames.
_base_ = 'dksan.py'

model = dict(
    evaluator=None,  # call the network directly
    generator=dict(
        _delete_=True,
        type='EDVRX16Net',
        channels=128,  # EDVR-L
        num_blocks=40,  # EDVR-L; paper, sec. 4
        num_frames=7,  # paper, sec. 4; the reference is frame 3, the centre
        num_extract_blocks=5,  # EDVR-L
        deform_groups=8,  # EDVR-L
        tail_channels=64))  # EDVR's, from the second x2 step on
