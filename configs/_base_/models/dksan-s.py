# Copyright (c) DKSAN-MM contributors.
# A small sibling of DKSAN. All values that differ from the paper's are chosen
# here.
_base_ = 'dksan.py'

model = dict(
    generator=dict(
        channels=32,  # a quarter
        num_blocks=(6, 4, 3, 2),  # a fifth
        reduction=4,  # 16 would leave 2 hidden channels of the attention
        # About the mean of all pixels. Without it, more ReLUs were shut for
        # good early in training.
        mean=0.45),
    # From few clips alone, alignment learns too little (README, "Results").
    motion_weight=0.1,
    channels_last=True)  # with bfloat16, quicker steps
