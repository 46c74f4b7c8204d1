# Copyright (c) DKSAN-MM contributors.
# The network and its loss. Source of each value: the paper (arXiv 2010.00154),
# its parameter table (table 3), or "chosen here" with the reason.

model = dict(
    type='WindowVSR',
    generator=dict(
        type='DKSANNet',
        channels=128,  # the only width that matches table 3 of the paper
        num_blocks=(30, 20, 15, 10),  # RCABs of each level; paper, sec. 4
        num_frames=7,  # paper, sec. 4
        num_extract_blocks=5,  # paper, sec. 4
        deform_groups=8,  # not given in the paper; EDVR's value
        reduction=16,  # of the channel attention; RCAN's value, table 3
        channel_attention=True,  # False in the ablation "backbone"
        align=True,  # False in "backbone" and "w/o align & DKSA"
        dksa=True),  # False in all three ablations
    # Runs the network in evaluation and inference, in bands of this many
    # pixels; None: without bands.
    evaluator=dict(type='DKSANEvaluator', band_pixels=32768),
    # Paper, sec. 3: sqrt(d ** 2 + xi ** 2) with xi = 1e-3; mmagic's eps is
    # the square of xi.
    pixel_loss=dict(type='CharbonnierLoss', eps=1e-6, reduction='mean'),
    # Maps 8-bit RGB to [0, 1]. Do not set pad_size_divisor: mmagic would crop
    # the padding from the output without multiplying it by the scale.
    data_preprocessor=dict(
        type='DataPreprocessor', mean=[0., 0., 0.], std=[255., 255., 255.]))
