# Copyright (c) DKSAN-MM contributors.
# The network and its loss. Source of each value: the paper (arXiv 2010.00154),
# or its parameter table (table 3), or chosen here with the reason.

model = dict(
    type='WindowVSR',
    generator=dict(
        type='DKSANNet',
        channels=128,  # paper, table 3: the parameter count allows no other
        num_blocks=(30, 20, 15, 10),  # RCABs of each level; paper, sec. 4
        num_frames=7,  # paper, sec. 4
        num_extract_blocks=5,  # paper, sec. 4
        deform_groups=8,  # not given in the paper; EDVR's value
        reduction=16,  # of the channel attention; RCAN's value, table 3
        channel_attention=True,  # False in the ablation "backbone"
        align=True,  # False in "backbone" and "w/o align & DKSA"
        dksa=True),  # False in these and in "w/o DKSA"
    # What runs the network without gradients; band_pixels=None: whole maps.
    evaluator=dict(type='DKSANEvaluator', band_pixels=32768),
    # Paper, sec. 3: sqrt(d ** 2 + xi ** 2) with xi = 1e-3; mmagic's eps is
    # the square of xi.
    pixel_loss=dict(type='CharbonnierLoss', eps=1e-6, reduction='mean'),
    # 8-bit RGB to [0, 1]. Never set pad_size_divisor here: mmagic takes that
    # padding off the output without multiplying it by the scale.
    data_preprocessor=dict(
        type='DataPreprocessor', mean=[0., 0., 0.], std=[255., 255., 255.]))
