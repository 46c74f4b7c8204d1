# Copyright (c) DKSAN-MM contributors.
# A small DKSAN. All values that differ from the paper's are chosen here.
_base_ = 'dksan.py'

model = dict(
    generator=dict(
        channels=32,  # a quarter of the paper's
        num_blocks=(6, 4, 3, 2),  # a fifth of the paper's
        reduction=4,  # with 16, the attention would have 2 hidden channels
        # About the mean of all pixels. Without it, more ReLUs became
        # permanently inactive early in the training.
        mean=0.45),
    # Supervises the alignment: it learns too little from few clips alone
    # (docs/results.md).
    motion_weight=0.1,
    channels_last=True)  # faster steps with bfloat16
