# Copyright (c) DKSAN-MM contributors.
# EDVR-L, the baseline of the paper's tables: "most of EDVR's setting", with
# an x16 tail (paper, sec. 4). Everything but the network is DKSAN's. All of
# it is trained from the first step, without EDVR's warm-up of the fusion.
# 20,994,787 parameters; the paper's 20.6 M is the x4 network of 5 frames.
_base_ = ['dksan_vid3oc_x16.py']

experiment_name = 'edvr_vid3oc_x16'
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
